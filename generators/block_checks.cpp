#include "generators/block_checks.h"

#include <stdexcept>

namespace sepconv::generators {

using namespace Halide::Internal;

Stmt BlockChecks::visit(const For* op) {
  const bool outer = in_block_;
  in_block_ = in_block_ || op->for_type == ForType::GPUBlock;
  Stmt result = IRMutator::visit(op);
  in_block_ = outer;
  return result;
}

Stmt BlockChecks::visit(const AssertStmt* op) { return in_block_ ? Evaluate::make(0) : IRMutator::visit(op); }

Stmt BlockChecks::visit(const Allocate* op) {
  if (op->memory_type == Halide::MemoryType::GPUShared) {
    std::int64_t bytes = op->type.bytes();
    for (const Halide::Expr& extent : op->extents) {
      const auto constant = as_const_int(simplify(extent));
      if (!constant) throw std::runtime_error("shared memory '" + op->name + "' has no constant size");
      bytes *= *constant;
    }
    shared_bytes_ += bytes;
  }
  return IRMutator::visit(op);
}

}  // namespace sepconv::generators
