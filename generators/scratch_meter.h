#pragma once
// Measures, on the lowered code of a kernel, the scratch memory that it asks for when it runs.

#include <cstdint>

#include "Halide.h"

namespace sepconv {

struct ScratchUse {
  std::int64_t call_bytes = 0;  // allocated at once outside of the parallel tasks
  std::int64_t task_bytes = 0;  // allocated at once by one parallel task
};

/// A lowering pass that changes nothing and writes the peak of simultaneous heap allocations to `use`.
class ScratchMeter : public Halide::Internal::IRMutator {
 public:
  explicit ScratchMeter(ScratchUse& use) : use_(use) {}

 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::For* op) override;

 private:
  ScratchUse& use_;
  bool in_task_ = false;
  std::int64_t call_now_ = 0, task_now_ = 0;
};

}  // namespace sepconv
