#pragma once
// The checked arguments of a Keras layer, and the shapes and problems that follow from them.

#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/layer_args.h"
#include "sepconv/tensor_view.h"

namespace sepconv::detail {

enum class Padding : std::uint8_t { valid, same, causal };

struct KerasConvConfig {
  std::string class_name, name;
  int rank = 2;              // spatial axes
  bool separable = true;     // else depthwise
  std::int32_t filters = 0;  // separable only
  std::int32_t KH = 1, KW = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  Padding padding = Padding::valid;
  Layout layout = Layout::nhwc;
  std::int32_t depth_multiplier = 1;
  Activation activation;
  bool use_bias = true;
  std::string depthwise_initializer, pointwise_initializer, bias_initializer;
  std::uint64_t seed = 0;
};

/// @throws std::invalid_argument with Keras' wording
KerasConvConfig separable_config(int rank, const SeparableConvArgs& args);
KerasConvConfig depthwise_config(int rank, const DepthwiseConvArgs& args);

/// H (1 for rank 1), W and C of an input shape without the batch.
struct InputExtents {
  std::int64_t H = 1, W = 1, C = 1;
};

/// @throws std::invalid_argument for a wrong rank, channels that are not positive, other extents below 0 (but kDynamic)
InputExtents input_extents(const KerasConvConfig& config, const Shape& input_shape);

/// Output extent of an axis; negative where "valid" cannot place a window, kDynamic where the input is.
std::int64_t output_extent(Padding padding, std::int64_t input, std::int64_t window, std::int64_t stride);

/// Output channels for that many input channels.
std::int64_t output_channels(const KerasConvConfig& config, std::int64_t input_channels);

/// The problem for these extents (kDynamic allowed). Not validated: the output may be empty.
ConvProblem problem_for(const KerasConvConfig& config, const InputExtents& extents);

/// Shapes of the weights in Keras' order.
std::vector<Shape> keras_weight_shapes(const KerasConvConfig& config, std::int64_t input_channels);

/// Keras' error for a "valid" output without elements.
std::string empty_output_text(const KerasConvConfig& config, const Shape& input_shape, std::int64_t input_channels);

}  // namespace sepconv::detail
