#include "keras_config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "initializers.h"
#include "text.h"

namespace sepconv::detail {
namespace {

// Keras' names of the activations that kernels have, where they differ from activation.h's, or take parameters.
struct ActivationAlias {
  std::string_view keras, text;
};
constexpr std::array kActivationAliases = {
    ActivationAlias{"leaky_relu", "relu(0.2;inf;0)"},
    ActivationAlias{"hard_swish", "hard_silu"},
};

// Known to Keras but not to the kernels.
constexpr std::array<std::string_view, 18> kOtherKerasActivations = {
    "elu",         "selu",        "celu",      "sigmoid",     "tanh",        "silu",
    "swish",       "gelu",        "glu",       "exponential", "softplus",    "mish",
    "log_sigmoid", "tanh_shrink", "threshold", "softmax",     "log_softmax", "sparsemax"};

// Of an axis, and of a dilated window.
constexpr std::int64_t kMostExtent = std::int64_t{1} << 28;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// As Python prints an int or a tuple.
std::string python_text(const IntOrTuple& value) {
  if (!value.is_tuple()) return std::to_string(value.values()[0]);
  std::string text = "(";
  for (std::size_t i = 0; i < value.values().size(); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(value.values()[i]);
  return text + (value.values().size() == 1 ? ",)" : ")");
}

/// Sets h and w (rank 1: only w) from an argument.
void read_tuple(const char* argument, const IntOrTuple& value, int rank, std::int32_t& h, std::int32_t& w) {
  const std::string wanted = "The `" + std::string(argument) + "` argument must be a tuple of " + std::to_string(rank) +
                             " integers. Received " + argument + "=" + python_text(value);
  if (value.is_tuple() && static_cast<int>(value.values().size()) != rank) throw std::invalid_argument(wanted);
  std::string bad;
  for (const int number : value.values()) {
    const std::string text = std::to_string(number);
    if (number <= 0 && bad.find(text) == std::string::npos) bad += (bad.empty() ? "" : ", ") + text;
  }
  if (!bad.empty())
    throw std::invalid_argument(wanted + ", including values {" + bad + "} that do not satisfy `value > 0`");
  if (rank == 2) h = value.values().front();
  w = value.values().back();
}

void require_positive(const char* argument, int value) {
  if (value <= 0)
    throw std::invalid_argument("Invalid value for argument `" + std::string(argument) +
                                "`. Expected a strictly positive value. Received " + argument + "=" +
                                std::to_string(value) + ".");
}

/// Keras has no such limit; beyond it the window's extent does not fit the kernels' index arithmetic.
void require_window(const char* argument, std::int64_t taps, std::int64_t dilation) {
  if ((taps - 1) * dilation + 1 > kMostExtent)
    throw std::invalid_argument("The `" + std::string(argument) + "` argument, dilated, spans " +
                                std::to_string((taps - 1) * dilation + 1) + " elements; expected at most 2^28");
}

Padding read_padding(const std::string& text, int rank) {
  const std::string padding = lower(text);
  if (padding == "valid") return Padding::valid;
  if (padding == "same") return Padding::same;
  if (padding == "causal" && rank == 1) return Padding::causal;
  throw std::invalid_argument(std::string("The `padding` argument must be one of ") +
                              (rank == 1 ? "{'causal', 'same', 'valid'}" : "{'same', 'valid'}") +
                              ". Received: " + padding +
                              (padding == "causal" ? " (causal padding is only supported in 1-D layers)" : ""));
}

Layout read_data_format(const std::string& text) {
  const std::string format = lower(text);
  if (format == "channels_last") return Layout::nhwc;
  if (format == "channels_first") return Layout::nchw;
  throw std::invalid_argument(
      "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=" + format);
}

Activation read_activation(const std::string& text) {
  std::string_view name = text;
  for (const ActivationAlias& alias : kActivationAliases)
    if (alias.keras == name) name = alias.text;
  try {
    return activation_from_text(name);
  } catch (const std::invalid_argument&) {
    constexpr const char* kSupported =
        "linear, relu, relu6, leaky_relu, hard_sigmoid, hard_sigmoid_keras2, hard_silu, hard_swish, hard_tanh, "
        "softsign, "
        "soft_shrink, hard_shrink, sparse_plus, sparse_sigmoid, squareplus, relu(negative_slope;max_value;threshold)";
    const bool known =
        std::find(kOtherKerasActivations.begin(), kOtherKerasActivations.end(), text) != kOtherKerasActivations.end();
    throw std::invalid_argument((known ? "Activation function not supported by compiled kernels: "
                                       : "Could not interpret activation function identifier: ") +
                                text + ". Supported: " + kSupported);
  }
}

/// The arguments that both families have.
template <class Args>
KerasConvConfig common_config(int rank, const char* class_name, const char* default_name, const Args& args) {
  KerasConvConfig config;
  config.class_name = class_name;
  config.name = args.name.empty() ? default_name : args.name;
  config.rank = rank;
  require_positive("depth_multiplier", args.depth_multiplier);
  config.depth_multiplier = args.depth_multiplier;
  if (!args.kernel_size.given())
    throw std::invalid_argument(std::string(class_name) + " missing 1 required argument: 'kernel_size'");
  read_tuple("kernel_size", args.kernel_size, rank, config.KH, config.KW);
  read_tuple("strides", args.strides, rank, config.stride_h, config.stride_w);
  read_tuple("dilation_rate", args.dilation_rate, rank, config.dilation_h, config.dilation_w);
  require_window("kernel_size", config.KH, config.dilation_h);
  require_window("kernel_size", config.KW, config.dilation_w);
  config.padding = read_padding(args.padding, rank);
  config.layout = read_data_format(args.data_format);
  config.activation = read_activation(args.activation);
  config.use_bias = args.use_bias;
  check_initializer("depthwise_initializer", args.depthwise_initializer);
  config.depthwise_initializer = args.depthwise_initializer;
  check_initializer("bias_initializer", args.bias_initializer);
  config.bias_initializer = args.bias_initializer;
  config.seed = args.seed;
  return config;
}

/// Sets the extents and pads of one axis of a problem.
void set_axis(Padding padding, std::int64_t input, std::int32_t window, std::int32_t stride, std::int32_t& extent,
              std::int32_t& before, std::int32_t& after) {
  extent = static_cast<std::int32_t>(input);
  if (input == kDynamic) {
    before = after = kDynamic;
    return;
  }
  before = after = 0;
  if (padding == Padding::causal) before = window - 1;
  if (padding != Padding::same) return;
  const std::int64_t output = output_extent(padding, input, window, stride);
  const std::int64_t total = std::max<std::int64_t>((output - 1) * stride + window - input, 0);
  before = static_cast<std::int32_t>(total / 2);
  after = static_cast<std::int32_t>(total - total / 2);
}

}  // namespace

KerasConvConfig separable_config(int rank, const SeparableConvArgs& args) {
  const char* class_name = rank == 1 ? "SeparableConv1D" : "SeparableConv2D";
  if (!args.filters) throw std::invalid_argument(std::string(class_name) + " missing 1 required argument: 'filters'");
  require_positive("filters", *args.filters);
  KerasConvConfig config = common_config(rank, class_name, rank == 1 ? "separable_conv1d" : "separable_conv2d", args);
  config.separable = true;
  config.filters = *args.filters;
  check_initializer("pointwise_initializer", args.pointwise_initializer);
  config.pointwise_initializer = args.pointwise_initializer;
  return config;
}

KerasConvConfig depthwise_config(int rank, const DepthwiseConvArgs& args) {
  KerasConvConfig config = common_config(rank, rank == 1 ? "DepthwiseConv1D" : "DepthwiseConv2D",
                                         rank == 1 ? "depthwise_conv1d" : "depthwise_conv2d", args);
  config.separable = false;
  return config;
}

InputExtents input_extents(const KerasConvConfig& config, const Shape& input_shape) {
  Shape full = {kDynamic};
  full.insert(full.end(), input_shape.begin(), input_shape.end());
  const std::string where = "Input 0 of layer '" + config.name + "' is incompatible with the layer: ";
  if (static_cast<int>(input_shape.size()) != config.rank + 1)
    throw std::invalid_argument(where + "expected ndim=" + std::to_string(config.rank + 2) + ", found ndim=" +
                                std::to_string(full.size()) + ". Full shape received: " + to_text(full));
  const std::size_t channel_axis = config.layout == Layout::nhwc ? input_shape.size() - 1 : 0;
  const std::size_t first = config.layout == Layout::nhwc ? 0 : 1;
  if (input_shape[channel_axis] == kDynamic)
    throw std::invalid_argument("The channel dimension of the inputs should be defined. The input_shape received is " +
                                to_text(full) + ", where axis " + (config.layout == Layout::nhwc ? "-1" : "1") +
                                " (0-based) is the channel dimension, which found to be `None`.");
  for (std::size_t axis = 0; axis < input_shape.size(); ++axis) {
    const std::int64_t extent = input_shape[axis];
    const bool fits = extent <= kMostExtent && (axis == channel_axis ? extent >= 1 : extent >= 0 || extent == kDynamic);
    if (!fits)
      throw std::invalid_argument(where + "axis " + std::to_string(axis + 1) + " has value " + std::to_string(extent) +
                                  "; expected at most 2^28 and at least " + (axis == channel_axis ? "1" : "0") +
                                  ". Full shape received: " + to_text(full));
  }
  if (input_shape[channel_axis] * config.depth_multiplier > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument(
        where + "channels * depth_multiplier is more than 2^31 - 1. Full shape received: " + to_text(full));
  InputExtents extents;
  extents.C = input_shape[channel_axis];
  if (config.rank == 2) extents.H = input_shape[first];
  extents.W = input_shape[first + config.rank - 1];
  return extents;
}

std::int64_t output_extent(Padding padding, std::int64_t input, std::int64_t window, std::int64_t stride) {
  if (input == kDynamic) return kDynamic;
  if (padding != Padding::valid) return (input + stride - 1) / stride;
  const std::int64_t room = input - window;
  return room < 0 ? -((-room + stride - 1) / stride) + 1 : room / stride + 1;
}

std::int64_t output_channels(const KerasConvConfig& config, std::int64_t input_channels) {
  return config.separable ? config.filters : input_channels * config.depth_multiplier;
}

ConvProblem problem_for(const KerasConvConfig& config, const InputExtents& extents) {
  ConvProblem p;
  p.op = config.separable ? ConvOp::separable : ConvOp::depthwise;
  p.layout = config.layout;
  p.IC = static_cast<std::int32_t>(extents.C);
  p.OC = static_cast<std::int32_t>(output_channels(config, extents.C));
  p.KH = config.KH, p.KW = config.KW;
  p.stride_h = config.stride_h, p.stride_w = config.stride_w;
  p.dilation_h = config.dilation_h, p.dilation_w = config.dilation_w;
  p.depth_multiplier = config.depth_multiplier;
  p.output = {config.use_bias, config.activation};
  if (config.rank == 2) set_axis(config.padding, extents.H, p.KH_eff(), p.stride_h, p.IH, p.pad_top, p.pad_bottom);
  set_axis(config.padding, extents.W, p.KW_eff(), p.stride_w, p.IW, p.pad_left, p.pad_right);
  return p;
}

std::vector<Shape> keras_weight_shapes(const KerasConvConfig& config, std::int64_t input_channels) {
  const Shape window = config.rank == 1 ? Shape{config.KW} : Shape{config.KH, config.KW};
  Shape depthwise = window;
  depthwise.insert(depthwise.end(), {input_channels, config.depth_multiplier});
  std::vector<Shape> shapes = {depthwise};
  if (config.separable) {
    Shape pointwise(config.rank, 1);
    pointwise.insert(pointwise.end(), {input_channels * config.depth_multiplier, config.filters});
    shapes.push_back(pointwise);
  }
  if (config.use_bias) shapes.push_back({output_channels(config, input_channels)});
  return shapes;
}

std::string empty_output_text(const KerasConvConfig& config, const Shape& input_shape, std::int64_t input_channels) {
  Shape full = {kDynamic};
  full.insert(full.end(), input_shape.begin(), input_shape.end());
  const auto sizes = [&](std::int64_t h, std::int64_t w) { return config.rank == 1 ? Shape{w} : Shape{h, w}; };
  Shape kernel = sizes(config.KH, config.KW);
  kernel.insert(kernel.end(), {input_channels, output_channels(config, input_channels)});
  return "Computed output size would be zero or negative. Received `inputs shape=" + to_text(full) +
         "`, `kernel shape=" + to_text(kernel) +
         "`, `dilation_rate=" + to_text(sizes(config.dilation_h, config.dilation_w)) +
         "`, `strides=" + to_text(sizes(config.stride_h, config.stride_w)) + "`, `padding=valid`.";
}

}  // namespace sepconv::detail
