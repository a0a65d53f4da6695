#include "tools/inspect_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "runtime/core/memory_plan.h"
#include "tools/network_words.h"
#include "tools/text_table.h"

namespace sepconv::tools {
namespace {

using Json = nlohmann::ordered_json;

bool is_one(const std::vector<std::int32_t>& tensors, std::int32_t tensor) {
  return std::find(tensors.begin(), tensors.end(), tensor) != tensors.end();
}

std::string operand_names(const NetworkPlan& network, const NetworkStep& step) {
  std::string text;
  for (const std::int32_t operand : step.operands) text += (text.empty() ? "" : " ") + network.tensor(operand).name;
  return text;
}

/// The first and the last step that uses each tensor itself, where lifetimes() has those of its base.
std::vector<detail::Lifetime> own_lifetimes(const NetworkPlan& network) {
  std::vector<detail::Lifetime> lives(network.tensors.size());
  for (std::size_t s = 0; s < network.steps.size(); ++s) {
    const auto use = [&](std::int32_t tensor) {
      detail::Lifetime& life = lives[static_cast<std::size_t>(tensor)];
      if (!life.used()) life.first = static_cast<std::int32_t>(s);
      life.last = static_cast<std::int32_t>(s);
    };
    use(network.steps[s].input);
    use(network.steps[s].output);
    for (const std::int32_t operand : network.steps[s].operands) use(operand);
  }
  return lives;
}

void print_steps(const NetworkPlan& network) {
  TextTable rows = {
      {"step", "layer", "computes", "input", "output", "operands", "MFLOP", "weights KB", "also computes"}};
  for (std::size_t i = 0; i < network.steps.size(); ++i) {
    const NetworkStep& step = network.steps[i];
    const StepCost cost = cost_of_step(network, step);
    std::string others;
    for (const std::string& name : step.absorbed)
      if (name != step.layer) others += (others.empty() ? "" : " ") + name;
    rows.push_back({std::to_string(i + 1), step.layer, step_words(step.problem),
                    shape_words(network.tensor(step.input)), shape_words(network.tensor(step.output)),
                    operand_names(network, step), fmt::format("{:.3f}", cost.flops * 1e-6),
                    fmt::format("{:.1f}", cost.weight_bytes / 1024), others});
  }
  print_table(rows, {true, false, false, false, false, false, true, true, false});
}

/// Where a tensor lies: its offset, "input" or "output" of the caller, or a place in another tensor.
std::string place_words(const NetworkPlan& network, std::int32_t index) {
  const NetworkTensor& tensor = network.tensor(index);
  if (tensor.base == index && tensor.offset_bytes >= 0) return std::to_string(tensor.offset_bytes);
  if (is_one(network.inputs, tensor.base)) return "input";
  if (network.tensor(tensor.base).offset_bytes < 0) return "output";
  return std::to_string(network.tensor(tensor.base).offset_bytes +
                        tensor.first * static_cast<std::int64_t>(size_bytes(tensor.dtype)));
}

void print_memory(const NetworkPlan& network) {
  TextTable rows = {{"tensor", "shape", "bytes", "offset", "from step", "to step", "part of"}};
  const std::vector<detail::Lifetime> lives = own_lifetimes(network), bases = detail::lifetimes(network);
  for (std::size_t i = 0; i < network.tensors.size(); ++i) {
    const auto index = static_cast<std::int32_t>(i);
    const NetworkTensor& tensor = network.tensors[i];
    const detail::Lifetime life = bases[i].used() ? bases[i] : lives[i];
    const auto step = [&](std::int32_t number) { return life.used() ? std::to_string(number + 1) : "-"; };
    rows.push_back({tensor.name, shape_words(tensor),
                    fmt::format("{:.0f}", tensor.offset_bytes >= 0 ? static_cast<double>(tensor_bytes(tensor))
                                                                   : own_bytes(tensor)),
                    place_words(network, index), step(life.first), step(life.last),
                    tensor.base == index ? "" : network.tensor(tensor.base).name});
  }
  print_table(rows, {false, false, true, true, true, true, false});
}

/// What all steps need together.
struct Totals {
  double flops = 0, weight_bytes = 0;
  std::int64_t live_bytes = 0;
};

Totals totals_of(const NetworkPlan& network) {
  Totals totals;
  for (const NetworkStep& step : network.steps) {
    const StepCost cost = cost_of_step(network, step);
    totals.flops += cost.flops;
    totals.weight_bytes += cost.weight_bytes;
  }
  totals.live_bytes = detail::largest_live_bytes(network, detail::lifetimes(network));
  return totals;
}

Json port_json(const NetworkPlan& network, const std::vector<std::int32_t>& tensors) {
  Json ports = Json::array();
  for (const std::int32_t tensor : tensors) ports.push_back(network.tensor(tensor).name);
  return ports;
}

}  // namespace

void print_network_tables(const NetworkPlan& network) {
  print_steps(network);
  std::cout << '\n';
  print_memory(network);
  const Totals totals = totals_of(network);
  const double live = static_cast<double>(totals.live_bytes);
  std::cout << fmt::format("\n{}: {:.3f} MFLOP, {} of weights\n",
                           count_words(static_cast<std::int64_t>(network.steps.size()), "step"), totals.flops * 1e-6,
                           bytes_words(totals.weight_bytes));
  std::cout << fmt::format(
      "tensors: {} ({} bytes) for a batch of one; the most that live at once: {}{}\n",
      bytes_words(static_cast<double>(network.tensor_bytes)), network.tensor_bytes, bytes_words(live),
      live > 0 ? fmt::format("; ratio {:.2f}", static_cast<double>(network.tensor_bytes) / live) : "");
  std::cout << "Scratch of the kernels comes on top: <name>.h of `sepconv compile` has the whole workspace.\n";
}

Json network_json(const NetworkPlan& network) {
  const Totals totals = totals_of(network);
  const std::vector<detail::Lifetime> lives = own_lifetimes(network), bases = detail::lifetimes(network);
  Json steps = Json::array(), tensors = Json::array();
  for (const NetworkStep& step : network.steps) {
    const StepCost cost = cost_of_step(network, step);
    steps.push_back({{"layer", step.layer},
                     {"absorbed", step.absorbed},
                     {"problem", to_text(step.problem)},
                     {"computes", step_words(step.problem)},
                     {"input", network.tensor(step.input).name},
                     {"output", network.tensor(step.output).name},
                     {"operands", port_json(network, step.operands)},
                     {"flops", cost.flops},
                     {"weight_bytes", cost.weight_bytes},
                     {"tensor_bytes", cost.tensor_bytes}});
  }
  for (std::size_t i = 0; i < network.tensors.size(); ++i) {
    const NetworkTensor& tensor = network.tensors[i];
    const detail::Lifetime life = bases[i].used() ? bases[i] : lives[i];
    tensors.push_back({{"name", tensor.name},
                       {"dtype", keras_name(tensor.dtype)},
                       {"shape", tensor.shape},
                       {"images", tensor.images},
                       {"bytes", own_bytes(tensor)},
                       {"base", network.tensor(tensor.base).name},
                       {"first", tensor.first},
                       {"offset_bytes", tensor.offset_bytes},
                       {"first_step", life.first},
                       {"last_step", life.last}});
  }
  return {{"inputs", port_json(network, network.inputs)},
          {"outputs", port_json(network, network.outputs)},
          {"steps", std::move(steps)},
          {"tensors", std::move(tensors)},
          {"flops", totals.flops},
          {"weight_bytes", totals.weight_bytes},
          {"tensor_bytes", network.tensor_bytes},
          {"largest_live_bytes", totals.live_bytes}};
}

}  // namespace sepconv::tools
