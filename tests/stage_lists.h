#pragma once
// The lists of stages that most tests work on, to be filled in field by field.

#include <string_view>
#include <utility>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv::test {

inline std::vector<Stage> depthwise_stages() { return {{}}; }
inline std::vector<Stage> pointwise_stages() { return {{StageKind::conv, {}, 1, 1, {}}}; }
inline std::vector<Stage> separable_stages() { return {{}, {StageKind::conv, {}, 1, 1, {}}}; }

/// @param name  "depthwise", "pointwise" or "separable"
inline std::vector<Stage> stages_named(std::string_view name) {
  if (name == "depthwise") return depthwise_stages();
  return name == "pointwise" || name == "conv" ? pointwise_stages() : separable_stages();
}

/// A problem of one input element and these stages.
inline ConvProblem problem_of(std::vector<Stage> stages) {
  ConvProblem problem;
  problem.stages = std::move(stages);
  return problem;
}

/// Sets the channels of a conv stage at the end; a depthwise stage has those of its input.
inline void set_out_channels(ConvProblem& p, std::int32_t channels) {
  if (p.stages.back().kind == StageKind::conv) p.stages.back().out_channels = channels;
}

/// The first stage's window, and what follows the first and the last stage.
inline Window& window(ConvProblem& p) { return p.stages[0].window; }
inline const Window& window(const ConvProblem& p) { return p.stages[0].window; }
inline Epilogue& middle(ConvProblem& p) { return p.stages[0].epilogue; }
inline const Epilogue& middle(const ConvProblem& p) { return p.stages[0].epilogue; }
inline Epilogue& output(ConvProblem& p) { return p.stages.back().epilogue; }
inline const Epilogue& output(const ConvProblem& p) { return p.stages.back().epilogue; }

/// Channels behind the depthwise stage, where there is one.
inline std::int32_t middle_channels(const ConvProblem& p) {
  return p.IC * (p.has(StageKind::depthwise) ? p.stages[0].depth_multiplier : 1);
}

}  // namespace sepconv::test
