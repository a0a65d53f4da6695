#pragma once
// The rules of a network but for where its tensors lie: plan_memory needs a network that keeps them.

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "sepconv/detail/network_plan.h"

namespace sepconv::detail {

/// Most tensors, and most steps, of a network: the checks compare tensors in pairs.
inline constexpr std::size_t kMaxNetworkItems = std::size_t{1} << 13;

/// What a step reads and writes, by its problem.
struct StepImages {
  Extents in, out;  // `out` is behind glu, which halves an axis
  bool rank3;       // views leave out H: the output is one of a 1-D layer
};
/// @throws std::invalid_argument for an activation along an axis that the output lacks.
StepImages images_of(const ConvProblem& problem, const NetworkTensor& output);

/// Checks everything that validate() does, but the offsets and tensor_bytes.
/// @throws std::invalid_argument naming the tensor or the step.
void validate_graph(const NetworkPlan& network);

/// The first step for which there is no layer of its name and problem, or nullptr.
template <class Layer>
const NetworkStep* step_without_layer(const NetworkPlan& network, const std::vector<Layer>& layers) {
  std::map<std::string_view, const ConvProblem*> problems;
  for (const Layer& layer : layers) problems.emplace(layer.name, &layer.problem);
  for (const NetworkStep& step : network.steps) {
    const auto found = problems.find(step.layer);
    if (found == problems.end() || *found->second != step.problem) return &step;
  }
  return nullptr;
}

/// True for a base that is the caller's memory: that of an input or an output of the network.
std::vector<bool> caller_bases(const NetworkPlan& network);

}  // namespace sepconv::detail
