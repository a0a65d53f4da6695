// Steps that compute the same from the same tensor: the activations with which several branches begin.

#include <algorithm>
#include <map>
#include <string>

#include "runtime/keras/network_passes.h"

namespace sepconv::keras {
namespace {

/// Equal for steps that compute the same from the same memory; empty for steps that are left alone, such as
/// convolutions.
std::string key_of(const Draft& draft, const DraftStep& step) {
  const Stage& stage = step.problem.stages[0];
  const bool weighted = stage.kind == StageKind::depthwise || stage.kind == StageKind::conv;
  const bool known = std::none_of(step.arrays.begin(), step.arrays.end(), [](auto& array) { return array.empty(); });
  if (step.dropped || weighted || !known || !draft.is_base(step.output)) return "";
  const NetworkTensor& input = draft.tensor(step.input).tensor;
  std::string key = to_text(step.problem) + " " + std::to_string(input.base) + " " + std::to_string(input.first) + " " +
                    std::to_string(input.pitches.row) + "x" + std::to_string(input.pitches.pixel) + " " +
                    std::to_string(input.images);
  for (const int operand : step.operands) key += " " + std::to_string(operand);
  return key;
}

}  // namespace

void merge_equal(Draft& draft) {
  std::map<std::string, int> known;
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    DraftStep& step = draft.steps[static_cast<std::size_t>(s)];
    const std::string key = key_of(draft, step);
    if (key.empty()) continue;
    const auto [found, is_first] = known.emplace(key, s);
    DraftStep& first = draft.steps[static_cast<std::size_t>(found->second)];
    if (is_first || first.arrays != step.arrays || draft.tensor(step.output).is_output ||
        draft.shape(first.output) != draft.shape(step.output) ||
        draft.tensor(first.output).tensor.images != draft.tensor(step.output).tensor.images)
      continue;
    first.absorbed.insert(first.absorbed.end(), step.absorbed.begin(), step.absorbed.end());
    draft.move_into(step.output, first.output);
    step.dropped = true;
  }
}

}  // namespace sepconv::keras
