#pragma once
// What lies in device memory alone takes no host memory.

#include <set>
#include <string>

#include "Halide.h"

namespace sepconv::generators {

/// A lowering pass. For a Func that only device code touches Halide keeps a host allocation that never happens, of no
/// bytes, and calls the kernel's allocator for it all the same. A GPU kernel's user context is not what that expects.
class DeviceMemory : public Halide::Internal::IRMutator {
 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::Free* op) override;

 private:
  std::set<std::string> removed_;
};

}  // namespace sepconv::generators
