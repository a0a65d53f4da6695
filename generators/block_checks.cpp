#include "block_checks.h"

namespace sepconv {

using namespace Halide::Internal;

Stmt BlockChecks::visit(const For* op) {
  const bool outer = in_block_;
  in_block_ = in_block_ || op->for_type == ForType::GPUBlock;
  Stmt result = IRMutator::visit(op);
  in_block_ = outer;
  return result;
}

Stmt BlockChecks::visit(const AssertStmt* op) { return in_block_ ? Evaluate::make(0) : IRMutator::visit(op); }

}  // namespace sepconv
