#include "runtime/keras/chain.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "runtime/keras/json_text.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr double kDefaultEpsilon = 1e-3;

/// The output channel is the last axis of every kernel; a depthwise kernel's last two are input channel and multiple.
void scale_channels(std::vector<double>& kernel, const std::vector<double>& scale) {
  for (std::size_t i = 0; i < kernel.size(); ++i) kernel[i] *= scale[i % scale.size()];
}

bool fits(const std::vector<double>& values, DataType dtype) {
  return std::all_of(values.begin(), values.end(),
                     [dtype](double value) { return std::isfinite(round_to(dtype, value)); });
}

}  // namespace

std::size_t batch_norm_weight_count(const json& config) {
  return 2 + truthy_member(config, "scale", true) + truthy_member(config, "center", true);
}

Affine batch_norm_affine(const json& config, const std::vector<KerasArray>& arrays, std::int64_t channels,
                         const std::string& what) {
  for (const KerasArray& array : arrays)
    if (array.shape != std::vector<std::int64_t>{channels})
      throw std::invalid_argument(what + ": each weight must have shape (" + std::to_string(channels) + ",)");
  const double epsilon = number_member(config, "epsilon", kDefaultEpsilon, what);
  const bool has_scale = truthy_member(config, "scale", true);
  const bool has_center = truthy_member(config, "center", true);
  const std::vector<double>& mean = arrays[arrays.size() - 2].values;
  const std::vector<double>& variance = arrays[arrays.size() - 1].values;
  Affine affine;
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c) {
    const double gamma = has_scale ? arrays[0].values[c] : 1.0;
    const double beta = has_center ? arrays[has_scale ? 1 : 0].values[c] : 0.0;
    const double scale = gamma / std::sqrt(variance[c] + epsilon);
    affine.scale.push_back(scale);
    affine.shift.push_back(beta - mean[c] * scale);
  }
  return affine;
}

bool normalises_channels(const json& config, int tensor_rank, Layout layout) {
  const json* axis = &member(config, "axis");
  if (axis->is_array()) {
    if (axis->size() != 1) return false;
    axis = &(*axis)[0];
  }
  if (!axis->is_null() && !axis->is_number_integer()) return false;
  std::int64_t value = axis->is_null() ? -1 : axis->get<std::int64_t>();
  if (value < 0) value += tensor_rank;
  return value == (layout == Layout::nhwc ? tensor_rank - 1 : 1);
}

void Chain::set_weights(const ConvWeights& given) {
  has_weights = true;
  const std::vector<Argument> arguments = weights_of(problem);
  for (std::size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].kind == ArgumentKind::weights)
      weights.push_back(given.arrays[i].to_doubles());
    else
      bias = given.arrays[i].to_doubles();  // of the last stage: before they are joined, only it has one
}

bool Chain::fold(const Affine* affine) {
  if (affine) {
    std::vector<double> scaled = weights.back(), shifted = bias;
    const bool was_finite = fits(scaled, problem.dtype) && fits(shifted, problem.dtype);
    scale_channels(scaled, affine->scale);
    shifted.resize(affine->scale.size(), 0.0);
    for (std::size_t c = 0; c < shifted.size(); ++c) shifted[c] = shifted[c] * affine->scale[c] + affine->shift[c];
    if (was_finite && !(fits(scaled, problem.dtype) && fits(shifted, problem.dtype))) return false;
    weights.back() = std::move(scaled);
    bias = std::move(shifted);
  }
  set_bias(problem.stages.back().epilogue, true);
  return true;
}

PlannedLayer planned(const Chain& chain) {
  PlannedLayer layer;
  layer.problem = chain.problem;
  layer.has_weights = chain.has_weights;
  layer.padding = to_text(chain.config.padding);
  layer.zero_padding = chain.zero_padding;
  for (const std::vector<double>& values : chain.weights)
    layer.weights.arrays.emplace_back(values, chain.problem.dtype);
  if (!chain.bias.empty()) layer.weights.arrays.emplace_back(chain.bias, chain.problem.dtype);
  return layer;
}

PlannedLayer joined(const Chain& depthwise, const Chain& pointwise) {
  PlannedLayer layer = planned(depthwise);
  layer.problem.stages.push_back(pointwise.problem.stages.back());
  layer.problem.stages.back().window = {};  // whose pads, which are zero, were open in a dynamic problem
  for (WeightArray& array : planned(pointwise).weights.arrays) layer.weights.arrays.push_back(std::move(array));
  return layer;
}

}  // namespace sepconv::keras
