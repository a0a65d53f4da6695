#pragma once
// One serialised Keras convolution layer: its configuration, its problem and its weights. Needs the Keras reader
// library, sepconv::keras.

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "sepconv/detail/keras_rules.h"
#include "sepconv/detail/layer_config.h"
#include "sepconv/plan.h"

namespace sepconv {

/// Thrown for a valid Keras layer that cannot be compiled to one of our kernels; what() is the reason. A layer that
/// Keras itself refuses throws std::invalid_argument.
class NotCompiledError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An array as Keras stores it, row-major. The values are exact, whatever their stored type.
struct KerasArray {
  std::vector<std::int64_t> shape;
  std::vector<double> values;
  DataType dtype = DataType::float32;  // as stored
};

/// Name ("depthwise_kernel") and shape of one weight, in Keras' order.
struct KerasWeight {
  std::string name;
  std::vector<std::int64_t> shape;
};

/// Reads {"class_name": ..., "config": {...}} of a SeparableConv, DepthwiseConv or Conv layer of one or two dimensions.
/// Ignores arguments that no kernel depends on, such as initializers.
/// @throws std::invalid_argument if Keras would refuse the layer when it makes or builds it; NotCompiledError for a
///         custom class.
LayerConfig conv_layer_config(const nlohmann::json& layer, KerasRules rules = KerasRules::keras_3);

/// The problem of a layer on an input of this shape, with explicit padding.
/// @param input_shape  batch first, as Keras writes it; kDynamic where unknown. With an unknown spatial extent the
///                     problem is dynamic in both.
/// @param zeros        zeros that a ZeroPadding layer adds before: top, bottom, left, right
/// @throws std::invalid_argument if Keras refuses the shape; NotCompiledError for the layer's why_not, and for sizes
///         that kernels cannot index.
ConvProblem conv_problem(const LayerConfig& config, const std::vector<std::int64_t>& input_shape,
                         const std::array<std::int32_t, 4>& zeros = {});

/// The layer's weights in Keras' order, for inputs of `channels` channels.
std::vector<KerasWeight> conv_weight_shapes(const LayerConfig& config, std::int64_t channels);

/// Puts Keras' arrays (depthwise, pointwise, bias: those that the layer has, in this order) into a problem's order.
/// @throws std::invalid_argument naming the layer, the weight, its shape and the expected shape.
ConvWeights conv_weights(const LayerConfig& config, std::int64_t channels, const std::vector<KerasArray>& arrays);

/// Plans a single serialised layer. has_weights is false; conv_weights() makes the weights.
/// @param input_shape  with the batch; empty: the layer's own "input_shape", or that of its "build_config"
/// @throws std::invalid_argument, NotCompiledError as conv_layer_config and conv_problem.
PlannedLayer plan_layer_config(const nlohmann::json& layer, std::vector<std::int64_t> input_shape = {},
                               KerasRules rules = KerasRules::keras_3);

}  // namespace sepconv
