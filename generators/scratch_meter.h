#pragma once
// Measures, on the lowered code of a kernel, the scratch memory that it asks for when it runs.

#include <cstdint>

#include "Halide.h"
#include "generators/spec/kernel_facts.h"

namespace sepconv::generators {

/// A lowering pass that changes nothing and writes the peaks of simultaneous heap allocations to `facts`: outside
/// the parallel tasks, and inside one.
class ScratchMeter : public Halide::Internal::IRMutator {
 public:
  explicit ScratchMeter(KernelFacts& facts) : facts_(facts) {}

 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::Allocate* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::For* op) override;

 private:
  KernelFacts& facts_;
  bool in_task_ = false;
  std::int64_t call_now_ = 0, task_now_ = 0;
};

}  // namespace sepconv::generators
