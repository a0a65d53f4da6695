#include "sepconv/detail/kernel_arguments.h"

#include "runtime/core/stage_kinds.h"

namespace sepconv {
namespace {

std::vector<std::int64_t> image_shape(Layout layout, const Extents& e) {
  if (layout == Layout::nhwc) return {e.H, e.W, e.C};
  return {e.C, e.H, e.W};
}

void add_stage(const ConvProblem& p, std::size_t index, std::vector<Argument>& arguments) {
  const Stage& stage = p.stages[index];
  const DataType sums = accumulator_type(p.dtype);
  const bool depthwise = stage.kind == StageKind::depthwise, last = index + 1 == p.stages.size();
  arguments.push_back({ArgumentKind::weights, index, sums,
                       detail::entry_of(stage.kind).weights_shape(stage, p.extents_after(index).C),
                       depthwise ? Packing::depthwise_weights : Packing::conv_weights});
  for (const EpilogueStep& step : stage.epilogue)
    if (detail::entry_of(step.kind).has_constant)
      arguments.push_back({ArgumentKind::constant,
                           index,
                           sums,
                           {p.extents_after(index + 1).C},
                           depthwise && !last ? Packing::depthwise_constant : Packing::none,
                           step.kind});
}

}  // namespace

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

std::vector<Argument> weights_of(const ConvProblem& problem) {
  std::vector<Argument> weights;
  for (std::size_t i = 0; i < problem.stages.size(); ++i) add_stage(problem, i, weights);
  return weights;
}

std::string name_of(const Argument& argument) {
  constexpr const char* kNames[] = {"input", "weights", "constant", "pad_top", "pad_left", "output"};
  std::string name = argument.kind == ArgumentKind::constant ? detail::entry_of(argument.step).text
                                                             : kNames[static_cast<int>(argument.kind)];
  return is_weight(argument.kind) ? name + std::to_string(argument.stage) : name;
}

std::size_t elements_of(const Argument& argument) {
  std::size_t elements = 1;
  for (const std::int64_t extent : argument.shape) elements *= static_cast<std::size_t>(extent);
  return elements;
}

}  // namespace sepconv
