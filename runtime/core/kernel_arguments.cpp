#include "sepconv/detail/kernel_arguments.h"

#include "runtime/core/stage_kinds.h"

namespace sepconv {
namespace {

std::vector<std::int64_t> image_shape(Layout layout, const Extents& e) {
  if (layout == Layout::nhwc) return {e.H, e.W, e.C};
  return {e.C, e.H, e.W};
}

/// The weights of a stage, and the constants and operands of its steps.
void add_stage(const ConvProblem& p, std::size_t index, std::vector<Argument>& arguments) {
  const Stage& stage = p.stages[index];
  const detail::StageKindEntry& kind = detail::entry_of(stage.kind);
  const DataType sums = accumulator_type(p.dtype);
  const bool last = index + 1 == p.stages.size();
  const detail::ArrayShape weights = kind.weights_shape(stage, p.extents_after(index).C);
  if (!weights.empty())
    arguments.push_back({ArgumentKind::weights, index, sums, weights,
                         kind.keeps_channels ? Packing::depthwise_weights : Packing::conv_weights});
  const Extents out = p.extents_after(index + 1);
  for (const EpilogueStep& step : stage.epilogue) {
    if (detail::entry_of(step.kind).has_constant)
      arguments.push_back({ArgumentKind::constant,
                           index,
                           sums,
                           {out.C},
                           kind.keeps_channels && !last ? Packing::depthwise_constant : Packing::none,
                           step.kind});
    if (has_operand(step))
      arguments.push_back({ArgumentKind::operand, index, p.dtype,
                           image_shape(p.layout, operand_extents(out, step.broadcast)), Packing::none, step.kind,
                           step.broadcast});
  }
}

/// The arguments of all stages that are of a kind that `wanted` accepts.
template <class Wanted>
std::vector<Argument> stage_arguments(const ConvProblem& problem, Wanted&& wanted) {
  std::vector<Argument> all, some;
  for (std::size_t i = 0; i < problem.stages.size(); ++i) add_stage(problem, i, all);
  for (Argument& argument : all)
    if (wanted(argument.kind)) some.push_back(std::move(argument));
  return some;
}

}  // namespace

Extents operand_extents(const Extents& e, Broadcast broadcast) {
  switch (broadcast) {
    case Broadcast::none: return e;
    case Broadcast::channels: return {1, 1, e.C};
    case Broadcast::pixels: return {e.H, e.W, 1};
  }
  return e;
}

std::vector<Argument> arguments_of(const ConvProblem& p) {
  std::vector<Argument> arguments = {
      {ArgumentKind::input, 0, p.dtype, image_shape(p.layout, p.extents_after(0)), Packing::none}};
  for (std::size_t i = 0; i < p.stages.size(); ++i) add_stage(p, i, arguments);
  if (p.is_dynamic())
    for (const ArgumentKind pad : {ArgumentKind::pad_top, ArgumentKind::pad_left})
      arguments.push_back({pad, 0, DataType::int32, {}, Packing::none});
  arguments.push_back(
      {ArgumentKind::output, 0, p.dtype, image_shape(p.layout, p.extents_after(p.stages.size())), Packing::none});
  return arguments;
}

std::vector<Argument> weights_of(const ConvProblem& problem) { return stage_arguments(problem, is_weight); }

std::vector<Argument> operands_of(const ConvProblem& problem) { return stage_arguments(problem, is_image); }

std::string name_of(const Argument& argument) {
  constexpr const char* kNames[] = {"input", "weights", "constant", "operand", "pad_top", "pad_left", "output"};
  const bool of_step = argument.kind == ArgumentKind::constant || argument.kind == ArgumentKind::operand;
  const std::string name = of_step ? detail::entry_of(argument.step).text : kNames[static_cast<int>(argument.kind)];
  return of_step || is_weight(argument.kind) ? name + std::to_string(argument.stage) : name;
}

std::size_t elements_of(const Argument& argument) {
  std::size_t elements = 1;
  for (const std::int64_t extent : argument.shape) elements *= static_cast<std::size_t>(extent);
  return elements;
}

}  // namespace sepconv
