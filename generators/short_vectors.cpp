#include "generators/short_vectors.h"

#include <vector>

namespace sepconv::generators {

using namespace Halide::Internal;

namespace {

bool is_opencl_vector(const Halide::Type& type) {
  const int lanes = type.lanes();
  return lanes <= 4 || lanes == 8 || lanes == 16;
}

}  // namespace

Halide::Expr ShortVectors::visit(const Shuffle* op) {
  const auto* load = op->vectors.size() == 1 ? op->vectors.front().as<Load>() : nullptr;
  const auto* index = load == nullptr ? nullptr : load->index.as<Ramp>();
  if (index == nullptr || is_opencl_vector(load->type) || !index->base.type().is_scalar() ||
      !is_const_one(load->predicate))
    return IRMutator::visit(op);
  std::vector<Halide::Expr> elements;
  for (const int picked : op->indices)
    elements.push_back(Load::make(load->type.element_of(), load->name, simplify(index->base + picked * index->stride),
                                  load->image, load->param, const_true(), ModulusRemainder()));
  return elements.size() == 1 ? elements.front() : Shuffle::make_concat(elements);
}

}  // namespace sepconv::generators
