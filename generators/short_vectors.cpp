#include "generators/short_vectors.h"

#include <vector>

namespace sepconv::generators {

using namespace Halide::Internal;

namespace {

/// The load of a vector that OpenCL does not have; else null.
const Load* long_load(const Halide::Expr& value) {
  const auto* load = value.as<Load>();
  if (load == nullptr) return nullptr;
  const int lanes = load->type.lanes();
  const auto* index = load->index.as<Ramp>();
  const bool is_opencl_vector = lanes <= 4 || lanes == 8 || lanes == 16;
  const bool dense = index != nullptr && index->base.type().is_scalar() && is_const_one(load->predicate);
  return dense && !is_opencl_vector ? load : nullptr;
}

}  // namespace

template <class Node>
auto ShortVectors::visit_let(const Node* op) -> decltype(op->body) {
  if (long_load(op->value) == nullptr) return IRMutator::visit(op);
  const ScopedBinding<Halide::Expr> bound(long_loads_, op->name, op->value);
  const auto body = mutate(op->body);
  return stmt_or_expr_uses_var(body, op->name) ? Node::make(op->name, op->value, body) : body;
}

Halide::Expr ShortVectors::visit(const Let* op) { return visit_let(op); }
Stmt ShortVectors::visit(const LetStmt* op) { return visit_let(op); }

Halide::Expr ShortVectors::visit(const Shuffle* op) {
  if (op->vectors.size() != 1) return IRMutator::visit(op);
  Halide::Expr source = op->vectors.front();
  const auto* name = source.as<Variable>();
  if (name != nullptr && long_loads_.contains(name->name)) source = long_loads_.get(name->name);
  const Load* load = long_load(source);
  if (load == nullptr) return IRMutator::visit(op);
  const auto* index = load->index.as<Ramp>();
  std::vector<Halide::Expr> elements;
  for (const int picked : op->indices)
    elements.push_back(Load::make(load->type.element_of(), load->name, simplify(index->base + picked * index->stride),
                                  load->image, load->param, const_true(), ModulusRemainder()));
  return elements.size() == 1 ? elements.front() : Shuffle::make_concat(elements);
}

}  // namespace sepconv::generators
