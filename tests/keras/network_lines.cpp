#include "tests/keras/network_lines.h"

#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

std::string tensor_text(const NetworkPlan& plan, std::int32_t index) {
  const NetworkTensor& tensor = plan.tensors[static_cast<std::size_t>(index)];
  if (tensor.base == index) return tensor.name;
  const NetworkTensor& base = plan.tensors[static_cast<std::size_t>(tensor.base)];
  return tensor.name + "@" + base.name + "+" + std::to_string(tensor.first);
}

}  // namespace

nlohmann::json conv(int filters, const nlohmann::json& more) {
  nlohmann::json config{{"filters", filters}, {"kernel_size", {1, 1}}, {"use_bias", false}};
  config.update(more);
  return config;
}

Lines network_lines(const PlannedNetwork& network) {
  Lines lines;
  for (const NetworkStep& step : network.plan.steps) {
    std::string line = step.layer + ": " + to_text(step.problem) + " " + tensor_text(network.plan, step.input) +
                       " -> " + tensor_text(network.plan, step.output);
    for (const std::int32_t operand : step.operands) line += ", " + tensor_text(network.plan, operand);
    lines.push_back(line);
  }
  return lines;
}

Lines plan_lines(const nlohmann::json& model, PlanOptions options, KerasRules rules) {
  options.network = true;
  const ModelDocument model_document = document(model, rules);
  const Plan plan = plan_model(model_document, options);
  return plan.network ? network_lines(*plan.network) : Lines{plan.why_no_network};
}

}  // namespace sepconv::keras::test
