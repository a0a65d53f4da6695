#pragma once
// The checked arguments of a Keras convolution layer, in one form for all classes. Layers, serialised configurations
// and planned problems are made from them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/layer_args.h"
#include "sepconv/detail/padding.h"

namespace sepconv {

/// Plain data. A 1-D layer has KH = stride_h = dilation_h = 1.
struct LayerConfig {
  enum class Kind : std::uint8_t {
    separable,
    depthwise,
    conv,  // Conv1D, Conv2D: planned without groups, or where each group has one channel; never a layer object
  };

  std::string class_name;  // "SeparableConv1D", "DepthwiseConv2D", "Conv1D", ...
  std::string name;
  int rank = 2;  // spatial axes
  Kind kind = Kind::separable;
  std::int32_t filters = 0;  // not for a depthwise layer
  std::int32_t groups = 1;   // Conv layers only; depth_multiplier is then filters / groups
  std::int32_t KH = 1, KW = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  Padding padding = Padding::valid;
  Layout layout = Layout::nhwc;
  std::int32_t depth_multiplier = 1;
  ActivationArg activation_argument;  // as given, for saving
  Activation activation;              // under the rules
  bool use_bias = true;
  std::optional<Initializer> depthwise_initializer, pointwise_initializer, bias_initializer;  // nullopt: Keras' None
  Regularizer depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer;
  Constraint depthwise_constraint, pointwise_constraint, bias_constraint;
  DTypePolicy dtype;
  bool trainable = true;
  bool autocast = true;
  std::optional<Shape> input_shape;
  std::optional<std::int64_t> batch_size;
  std::vector<Tensor> weights;
  KerasRules rules = KerasRules::keras_3;
  bool causal_extension = false;
  bool strict_float = false;
  std::uint64_t seed = 0;
  /// The error for arguments that Keras accepts in a constructor but refuses when it builds the layer, such as
  /// filters=3.0 or dtype="int32". build() throws it. Empty for a usable layer.
  std::string build_error;
  /// Why no kernel can be compiled for this valid layer: its window, its dtype policy or its activation. Empty if
  /// possible.
  std::string why_not;

  bool separable() const noexcept { return kind == Kind::separable; }
  /// A Conv layer without groups: no depthwise stage.
  bool is_ungrouped_conv() const noexcept { return kind == Kind::conv && groups == 1; }
  /// As Keras saves them: `rank` numbers each.
  std::vector<int> kernel_size() const;
  std::vector<int> strides() const;
  std::vector<int> dilation_rate() const;
  /// "channels_last" or "channels_first".
  const char* data_format() const;
};

/// Keras' function of this name: "relu", "leaky_relu" (0.2), "swish"; with tf.keras 2's rules also the classes of
/// activation layers ("ReLU"), with their defaults. "threshold" has no defaults; here it gets threshold 0 and value 0,
/// and a layer with it fails at build().
/// @throws std::invalid_argument in Keras' words if this Keras does not have the name
Activation activation_from_keras_name(std::string_view name, KerasRules rules);

/// Checks a constructor's arguments. `rank` is 1 or 2.
/// @throws std::invalid_argument in Keras' words, naming the argument
LayerConfig separable_layer_config(int rank, const SeparableConvArgs& args);
LayerConfig depthwise_layer_config(int rank, const DepthwiseConvArgs& args);
/// The same for a Conv1D or Conv2D. It has no depthwise arguments, so they are ignored.
LayerConfig conv_config(int rank, const SeparableConvArgs& args, int groups);

}  // namespace sepconv
