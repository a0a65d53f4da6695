#pragma once
// The shapes and problems that follow from a Keras layer's arguments.

#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/layer_config.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv::detail {

/// @throws std::invalid_argument if the configuration contradicts itself
void validate(const LayerConfig& config);

/// H (1 for rank 1), W and C of an input shape without the batch.
struct InputExtents {
  std::int64_t H = 1, W = 1, C = 1;
};

/// @throws std::invalid_argument for a wrong rank, channels that are not positive, other extents below 0 (but kDynamic)
InputExtents input_extents(const LayerConfig& config, const Shape& input_shape);

/// Output channels of the convolution for that many input channels.
std::int64_t output_channels(const LayerConfig& config, std::int64_t input_channels);

/// The problem for these extents (kDynamic allowed). Not validated: the output may be empty.
ConvProblem problem_for(const LayerConfig& config, const InputExtents& extents);

/// Shapes of the weights in Keras' order.
std::vector<Shape> keras_weight_shapes(const LayerConfig& config, std::int64_t input_channels);

/// The output without the batch; extents below 0 where "valid" cannot place a window, kDynamic where the input is.
/// @throws std::invalid_argument where glu cannot halve the last axis
Shape output_shape(const LayerConfig& config, const InputExtents& extents);

/// Reads the shape as build() does, and checks that "valid" leaves what these rules ask for: one output, or in tf.keras
/// a number that is not negative. Extents of 0 in, 0 out are fine for "same".
/// @throws std::invalid_argument in Keras' words, and for the configuration's build_error
InputExtents checked_extents(const LayerConfig& config, const Shape& input_shape);

/// Keras' error for a "valid" output without elements.
std::string empty_output_text(const LayerConfig& config, const Shape& input_shape, const InputExtents& extents);

}  // namespace sepconv::detail
