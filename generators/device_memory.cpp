#include "generators/device_memory.h"

namespace sepconv::generators {

using namespace Halide::Internal;

Stmt DeviceMemory::visit(const Allocate* op) {
  if (!is_const_zero(op->condition)) return IRMutator::visit(op);
  removed_.insert(op->name);
  return mutate(op->body);
}

Stmt DeviceMemory::visit(const Free* op) {
  if (removed_.count(op->name) != 0) return Evaluate::make(0);
  return IRMutator::visit(op);
}

}  // namespace sepconv::generators
