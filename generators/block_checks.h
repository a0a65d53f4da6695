#pragma once
// The shared memory of a GPU block, and checks that device code cannot report.

#include <cstdint>

#include "Halide.h"

namespace sepconv::generators {

/// A lowering pass. Where Halide cannot prove that a partial tile lies within the tile that the schedule promises
/// (bound_extent), it checks so inside of the kernel. It does, since both come from the same splits; and device code
/// has no way to fail: the back ends drop such checks with a warning, which would end the compilation.
///
/// It also adds up the shared memory of a block.
class BlockChecks : public Halide::Internal::IRMutator {
 public:
  explicit BlockChecks(std::int64_t& shared_bytes) : shared_bytes_(shared_bytes) {}

 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::For* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::AssertStmt* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* op) override;

 private:
  std::int64_t& shared_bytes_;
  bool in_block_ = false;
};

}  // namespace sepconv::generators
