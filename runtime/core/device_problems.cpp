#include "runtime/core/device_problems.h"

#include <cstddef>
#include <cstdint>

#include "runtime/core/network_graph.h"

namespace sepconv::detail {
namespace {

/// Does nothing but apply an activation along an axis.
bool only_activates(const ConvProblem& p) {
  const Stage& first = p.stages.front();
  return p.stages.size() == 1 && first.kind == StageKind::copy && first.window.is_identity() &&
         first.epilogue.size() == 1 && !is_elementwise(activation_of(first.epilogue).kind);
}

}  // namespace

ConvProblem axis_problem(const ConvProblem& problem, bool rank3) {
  const Extents e = problem.extents_after(problem.stages.size());
  std::vector<std::int32_t> extents = {e.H, e.W, e.C};
  if (problem.layout == Layout::nchw) extents = {e.C, e.H, e.W};
  if (rank3) extents.erase(extents.begin() + (problem.layout == Layout::nhwc ? 0 : 1));
  Activation activation = activation_of(problem.stages.back().epilogue);
  const std::size_t axis = extents.size() - static_cast<std::size_t>(-activation.axis);
  std::int32_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < axis; ++i) outer *= extents[i];
  for (std::size_t i = axis + 1; i < extents.size(); ++i) inner *= extents[i];

  ConvProblem along;
  along.dtype = problem.dtype;
  along.strict_float = problem.strict_float;
  along.IH = outer;
  along.IW = inner == 1 ? 1 : extents[axis];
  along.IC = inner == 1 ? extents[axis] : inner;
  activation.axis = inner == 1 ? -1 : -2;
  Stage copy;
  copy.kind = StageKind::copy;
  set_activation(copy.epilogue, activation);
  along.stages = {copy};
  return along;
}

bool is_axis_problem(const ConvProblem& p) {
  const int axis = activation_of(p.stages.front().epilogue).axis;
  return only_activates(p) && p.layout == Layout::nhwc && (axis == -1 || axis == -2) && p.input_pitches.dense() &&
         p.output_pitches.dense() && !p.is_dynamic();
}

Extents axis_output(const ConvProblem& axis_problem) {
  const Activation activation = activation_of(axis_problem.stages.front().epilogue);
  Extents out = axis_problem.extents_after(1);
  if (activation.kind == ActivationKind::glu) (activation.axis == -1 ? out.C : out.W) /= 2;
  return out;
}

std::vector<ConvProblem> device_problems(const NetworkPlan& network, const NetworkStep& step) {
  const ConvProblem& p = step.problem;
  if (kernel_problem(p) == p) return {p};
  const ConvProblem along = axis_problem(p, images_of(p, network.tensor(step.output)).rank3);
  if (only_activates(p) && p.input_pitches.dense()) return {along};
  return {kernel_problem(p), along};
}

}  // namespace sepconv::detail
