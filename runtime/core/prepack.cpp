#include "sepconv/prepack.h"

#include <algorithm>
#include <string>

namespace sepconv {
namespace {

void require_panel(const char* name, std::int32_t panel) {
  if (panel < 1)
    throw std::invalid_argument(std::string(name) + ": received " + std::to_string(panel) +
                                "; expected a positive number of channels");
}

std::size_t panels_of(std::int32_t channels, std::int32_t panel) {
  return (static_cast<std::size_t>(channels) + panel - 1) / panel;
}

PackedArray pack_depthwise(const ConvWeights& weights, const ConvProblem& p, std::int32_t panel) {
  const std::size_t taps = static_cast<std::size_t>(p.KH) * p.KW, m = p.depth_multiplier, IC = p.IC;
  PackedArray packed(panels_of(p.IC, panel) * taps * m * panel);
  for (std::size_t tap = 0; tap < taps; ++tap)
    for (std::size_t ic = 0; ic < IC; ++ic)
      for (std::size_t mi = 0; mi < m; ++mi)
        packed.data()[((ic / panel * taps + tap) * m + mi) * panel + ic % panel] =
            weights.depthwise[(tap * IC + ic) * m + mi];
  return packed;
}

PackedArray pack_middle_bias(const ConvWeights& weights, const ConvProblem& p, std::int32_t panel) {
  const std::size_t m = p.depth_multiplier, padded = panels_of(p.IC, panel) * panel;
  PackedArray packed(m * padded);
  for (std::size_t k = 0; k < weights.middle_bias.size(); ++k)
    packed.data()[k % m * padded + k / m] = weights.middle_bias[k];
  return packed;
}

PackedArray pack_pointwise(const ConvWeights& weights, const ConvProblem& p, std::int32_t panel) {
  const std::size_t m = p.depth_multiplier, IC = p.IC, OC = p.OC;
  PackedArray packed(panels_of(p.OC, panel) * m * IC * panel);
  for (std::size_t ic = 0; ic < IC; ++ic)
    for (std::size_t mi = 0; mi < m; ++mi)
      for (std::size_t oc = 0; oc < OC; ++oc)
        packed.data()[((oc / panel * m + mi) * IC + ic) * panel + oc % panel] =
            weights.pointwise[(ic * m + mi) * OC + oc];
  return packed;
}

}  // namespace

PackedWeights pack_weights(const ConvWeights& weights, const ConvProblem& problem, std::int32_t depthwise_panel,
                           std::int32_t pointwise_panel) {
  validate(weights, problem);
  PackedWeights packed;
  if (problem.has_depthwise()) {
    require_panel("depthwise_panel", depthwise_panel);
    packed.depthwise = pack_depthwise(weights, problem, depthwise_panel);
  }
  if (!weights.middle_bias.empty()) packed.middle_bias = pack_middle_bias(weights, problem, depthwise_panel);
  if (problem.has_pointwise()) {
    require_panel("pointwise_panel", pointwise_panel);
    packed.pointwise = pack_pointwise(weights, problem, pointwise_panel);
  }
  if (!weights.bias.empty()) {
    packed.bias = PackedArray(weights.bias.size());
    std::copy(weights.bias.begin(), weights.bias.end(), packed.bias.data());
  }
  return packed;
}

}  // namespace sepconv
