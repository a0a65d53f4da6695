#include "tools/network_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/problem_cost.h"

namespace sepconv::tools {
namespace {

const char* short_name(StageKind kind) {
  switch (kind) {
    case StageKind::depthwise: return "dw";
    case StageKind::conv: return "conv";
    case StageKind::max_pool: return "maxpool";
    case StageKind::average_pool: return "avgpool";
    case StageKind::copy: return "copy";
    case StageKind::norm: return "norm";
    case StageKind::resize: return "resize";
  }
  return "?";
}

/// True for the kinds whose window is always named; for the others, if it has several taps.
bool has_window(const Stage& stage) {
  constexpr StageKind kWindowed[] = {StageKind::depthwise, StageKind::conv, StageKind::max_pool,
                                     StageKind::average_pool};
  return stage.window.KH != 1 || stage.window.KW != 1 ||
         std::find(std::begin(kWindowed), std::end(kWindowed), stage.kind) != std::end(kWindowed);
}

std::string pair_words(std::int32_t h, std::int32_t w) {
  return h == w ? fmt::format("{}", h) : fmt::format("{}x{}", h, w);
}

std::string stage_words(const Stage& stage) {
  const Window& w = stage.window;
  std::string text = short_name(stage.kind);
  if (has_window(stage)) text += fmt::format(" {}x{}", w.KH, w.KW);
  if (w.stride_h != 1 || w.stride_w != 1) text += " s" + pair_words(w.stride_h, w.stride_w);
  if (w.dilation_h != 1 || w.dilation_w != 1) text += " d" + pair_words(w.dilation_h, w.dilation_w);
  if (stage.depth_multiplier != 1) text += fmt::format(" m{}", stage.depth_multiplier);
  const char* separator = " ";
  for (const EpilogueStep& step : stage.epilogue) text += separator + to_text(step), separator = "+";
  return text;
}

}  // namespace

std::string step_words(const ConvProblem& problem) {
  std::string text;
  for (const Stage& stage : problem.stages) text += (text.empty() ? "" : ", ") + stage_words(stage);
  return text;
}

std::string shape_words(const NetworkTensor& tensor) {
  std::string text;
  for (const std::int64_t extent : tensor.shape) text += fmt::format("{}{}", text.empty() ? "" : "x", extent);
  return tensor.images == 1 ? text : fmt::format("{}*{}", tensor.images, text);
}

std::string bytes_words(double bytes) {
  constexpr double kKilo = 1024;
  if (bytes < kKilo) return fmt::format("{:.0f} B", bytes);
  return bytes < kKilo * kKilo ? fmt::format("{:.1f} KB", bytes / kKilo)
                               : fmt::format("{:.2f} MB", bytes / (kKilo * kKilo));
}

std::string count_words(std::int64_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

double own_bytes(const NetworkTensor& tensor) {
  double elements = static_cast<double>(tensor.images);
  for (const std::int64_t extent : tensor.shape) elements *= static_cast<double>(extent);
  return elements * static_cast<double>(size_bytes(tensor.dtype));
}

StepCost cost_of_step(const NetworkPlan& network, const NetworkStep& step) {
  const auto bytes = [&](std::int32_t tensor) { return own_bytes(network.tensor(tensor)); };
  StepCost cost;
  cost.flops = step.problem.flops() * static_cast<double>(network.tensor(step.input).images);
  cost.weight_bytes = weight_elems(step.problem) * static_cast<double>(size_bytes(step.problem.dtype));
  cost.tensor_bytes = bytes(step.input) + bytes(step.output);
  for (const std::int32_t operand : step.operands) cost.tensor_bytes += bytes(operand);
  return cost;
}

}  // namespace sepconv::tools
