#include "generators/vector_comparisons.h"

namespace sepconv::generators {

using namespace Halide::Internal;

Halide::Expr VectorComparisons::visit(const Call* op) {
  if (!op->type.is_vector()) return IRMutator::visit(op);
  if (op->is_intrinsic(Call::strict_lt)) return LT::make(mutate(op->args[0]), mutate(op->args[1]));
  if (op->is_intrinsic(Call::strict_le)) return LE::make(mutate(op->args[0]), mutate(op->args[1]));
  if (op->is_intrinsic(Call::strict_eq)) return EQ::make(mutate(op->args[0]), mutate(op->args[1]));
  return IRMutator::visit(op);
}

}  // namespace sepconv::generators
