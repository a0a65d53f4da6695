#pragma once
// Leaves out the checks that a GPU could not report.

#include "Halide.h"

namespace sepconv {

/// A lowering pass. Where Halide cannot prove that a partial tile lies within the tile that the schedule promises
/// (bound_extent), it checks so inside of the kernel. It does, since both come from the same splits; and device code has
/// no way to fail: the back ends drop such checks with a warning, which would end the compilation.
class BlockChecks : public Halide::Internal::IRMutator {
 protected:
  using IRMutator::visit;
  Halide::Internal::Stmt visit(const Halide::Internal::For* op) override;
  Halide::Internal::Stmt visit(const Halide::Internal::AssertStmt* op) override;

 private:
  bool in_block_ = false;
};

}  // namespace sepconv
