#include "generators/spec/lowering.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/core/device_problems.h"
#include "runtime/core/merged_pixels.h"
#include "runtime/core/stage_kinds.h"

namespace sepconv::generators {
namespace {

bool has_one_tap(const Stage& stage) { return stage.window.KH == 1 && stage.window.KW == 1; }

/// The family of a list of stages, whatever follows their sums.
std::optional<KernelFamily> family_of(const ConvProblem& p) {
  const std::vector<Stage>& stages = p.stages;
  if (stages.size() == 1 && detail::entry_of(stages[0].kind).keeps_channels) return KernelFamily::depthwise;
  if (stages.size() == 1 && stages[0].kind == StageKind::norm) return KernelFamily::norm;
  if (stages.size() == 1 && stages[0].kind == StageKind::resize) return KernelFamily::resize;
  if (stages.size() == 1) return has_one_tap(stages[0]) ? KernelFamily::pointwise : KernelFamily::conv;
  if (stages.size() == 2 && stages[0].kind == StageKind::depthwise && stages[1].kind == StageKind::conv &&
      stages[1].window.is_identity())
    return KernelFamily::separable;
  return std::nullopt;
}

/// Nothing, a bias, an activation, or a bias and then an activation.
bool is_keras_epilogue(const Epilogue& epilogue) {
  return epilogue == make_epilogue(has_bias(epilogue), activation_of(epilogue));
}

}  // namespace

const char* to_text(KernelFamily family) {
  constexpr const char* kNames[] = {"depthwise", "pointwise", "conv", "separable", "norm", "resize", "axis"};
  return kNames[static_cast<int>(family)];
}

std::optional<std::string> why_not_compiled(const ConvProblem& p) {
  if (!family_of(p))
    return "no generator for the stages " + stages_name(p) +
           "; there are generators for one stage of any kind, and for a depthwise stage "
           "followed by a 1x1 conv stage without strides and pads";
  for (std::size_t i = 0; i + 1 < p.stages.size(); ++i)
    if (!is_keras_epilogue(p.stages[i].epilogue))
      return std::string("no generator for the epilogue of the ") + to_text(p.stages[i].kind) +
             " stage; before the last stage, expected at most a bias and then an activation";
  const Stage& last = p.stages.back();
  // Vectors of every m-th element would be loaded from beyond the operand's end.
  if (last.depth_multiplier > 1 && std::any_of(last.epilogue.begin(), last.epilogue.end(), has_operand))
    return "no generator for operands behind a depthwise stage with a depth multiplier";
  return std::nullopt;
}

Lowering lower(const ConvProblem& problem, const Target& target) {
  if (const auto reason = why_not_compiled(problem)) throw std::invalid_argument(to_text(problem) + ": " + *reason);
  const Stage &first = problem.stages.front(), &last = problem.stages.back();
  Lowering l;
  const bool along_axis = target.device != Device::cpu && detail::is_axis_problem(problem);
  l.family = along_axis ? KernelFamily::axis : *family_of(problem);
  l.kind = first.kind;
  l.dtype = problem.dtype;
  l.strict_float = problem.strict_float;
  l.layout = problem.layout;
  const ConvProblem merged = along_axis ? problem : detail::with_merged_pixels(problem);
  l.IH = merged.IH, l.IW = merged.IW, l.IC = problem.IC;
  l.OC = problem.OC();
  l.input_pitches = merged.input_pitches, l.output_pitches = merged.output_pitches;
  l.window = first.window;
  l.depth_multiplier = first.depth_multiplier;
  l.epsilon = first.epsilon;
  l.out_H = first.out_H, l.out_W = first.out_W;
  l.interpolation = first.interpolation;
  if (l.family == KernelFamily::separable) l.middle = first.epilogue;
  l.output = last.epilogue;
  if (along_axis) {
    const Extents out = detail::axis_output(problem);
    l.out_H = out.H, l.out_W = out.W, l.OC = out.C;
    l.along = activation_of(l.output);
  }
  if (!is_elementwise(activation_of(l.output).kind)) set_activation(l.output, {});
  if (!l.is_dynamic()) l.flops = problem.flops();
  l.arguments = arguments_of(kernel_problem(problem));
  l.target = target;
  if (l.dtype == DataType::float64) l.target.lanes /= 2;
  return l;
}

}  // namespace sepconv::generators
