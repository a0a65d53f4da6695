#include "runtime/keras/network_finish.h"

#include <algorithm>
#include <map>
#include <set>

namespace sepconv::keras {
namespace {

/// Names that are not given twice: "x", "x#2".
class UniqueNames {
 public:
  std::string next(const std::string& wanted) {
    std::string name = wanted;
    for (std::size_t number = 2; !used_.insert(name).second; ++number) name = wanted + "#" + std::to_string(number);
    return name;
  }

 private:
  std::set<std::string> used_;
};

class Finisher {
 public:
  Finisher(const Draft& draft, bool has_weights) : draft_(draft), has_weights_(has_weights) {}

  PlannedNetwork run() {
    // Inputs and outputs have the names of the model; the others give way.
    for (const int input : draft_.inputs) result_.plan.inputs.push_back(tensor(input));
    for (const int output : draft_.outputs) result_.plan.outputs.push_back(tensor(output));
    for (const DraftStep& step : draft_.steps)
      if (!step.dropped) add(step);
    return std::move(result_);
  }

 private:
  /// The tensor's index in the plan; its base comes before it.
  std::int32_t tensor(int index) {
    if (const auto known = tensors_.find(index); known != tensors_.end()) return known->second;
    NetworkTensor made = draft_.tensor(index).tensor;
    if (made.base != index) made.base = tensor(made.base);
    const auto place = static_cast<std::int32_t>(result_.plan.tensors.size());
    if (draft_.is_base(index)) made.base = place;
    made.name = tensor_names_.next(made.name);
    result_.plan.tensors.push_back(std::move(made));
    tensors_[index] = place;
    return place;
  }

  static std::vector<std::string> names_of(const DraftStep& step) {
    std::vector<std::pair<int, std::string>> absorbed = step.absorbed;
    std::sort(absorbed.begin(), absorbed.end());
    std::vector<std::string> names;
    for (const auto& [call, name] : absorbed)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    return names;
  }

  void add(const DraftStep& step) {
    NetworkStep made;
    made.layer = step_names_.next(step.name);
    made.absorbed = names_of(step);
    made.problem = step.problem;
    made.problem.input_pitches = draft_.tensor(step.input).tensor.pitches;
    made.problem.output_pitches = draft_.tensor(step.output).tensor.pitches;
    made.input = tensor(step.input);
    made.output = tensor(step.output);
    for (const int operand : step.operands) made.operands.push_back(tensor(operand));
    result_.layers.push_back(planned(step, made));
    result_.plan.steps.push_back(std::move(made));
  }

  PlannedLayer planned(const DraftStep& step, const NetworkStep& made) const {
    PlannedLayer layer;
    layer.name = made.layer;
    layer.absorbed = made.absorbed;
    layer.problem = made.problem;
    const bool known =
        std::none_of(step.arrays.begin(), step.arrays.end(), [](auto& values) { return values.empty(); });
    layer.has_weights = known && (has_weights_ || !step.arrays.empty());
    if (layer.has_weights)
      for (const Values& values : step.arrays) layer.weights.arrays.emplace_back(values, step.problem.dtype);
    return layer;
  }

  const Draft& draft_;
  const bool has_weights_;
  PlannedNetwork result_;
  std::map<int, std::int32_t> tensors_;  // of the plan, by tensor of the draft
  UniqueNames step_names_, tensor_names_;
};

}  // namespace

PlannedNetwork finished(const Draft& draft, bool has_weights) { return Finisher(draft, has_weights).run(); }

}  // namespace sepconv::keras
