#pragma once
// A convolution and what follows it, computed by one kernel: the folding of affine layers and activations into the
// convolution's weights and epilogue. Folds run in double; round() rounds once.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

/// y = scale * x + shift for each channel: a BatchNormalization at inference.
struct Affine {
  std::vector<double> scale, shift;
};

/// Number of weights that a BatchNormalization of this configuration has.
std::size_t batch_norm_weight_count(const nlohmann::json& config);

/// scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale.
/// @param arrays  gamma (if `scale`), beta (if `center`), moving mean, moving variance
/// @throws std::invalid_argument naming `what` when an array has not `channels` elements.
Affine batch_norm_affine(const nlohmann::json& config, const std::vector<KerasArray>& arrays, std::int64_t channels,
                         const std::string& what);

/// True when a BatchNormalization with this configuration normalises the channels of a tensor of this rank and layout.
bool normalises_channels(const nlohmann::json& config, int tensor_rank, Layout layout);

/// One convolution layer with what has been folded into it.
struct Chain {
  LayerConfig config;
  ConvProblem problem;
  bool has_weights = false;
  std::vector<std::vector<double>> weights;  // of the stages
  std::vector<double> bias;                  // of the last stage; empty when there is none
  std::vector<int> calls;                    // of the graph, in order; the last one produces the output
  std::array<std::int32_t, 4> zero_padding{};

  void set_weights(const ConvWeights& weights);
  /// Only with a linear activation so far. `affine` is null for models without weights.
  /// @return false, with nothing changed, where finite weights would leave the range of the problem's type
  bool fold(const Affine* affine);
};

/// Chain alone, as a planned layer.
PlannedLayer planned(const Chain& chain);

/// Depthwise chain then 1x1 chain of stride 1 as one separable problem.
PlannedLayer joined(const Chain& depthwise, const Chain& pointwise);

}  // namespace sepconv::keras
