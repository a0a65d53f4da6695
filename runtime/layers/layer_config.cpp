#include "sepconv/detail/layer_config.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include "runtime/layers/layer_problem.h"

namespace sepconv {
namespace {

using Kind = LayerConfig::Kind;

// Largest extent of a dilated window.
constexpr std::int64_t kMostExtent = std::int64_t{1} << 28;

std::atomic<bool> default_is_channels_last{true};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

/// As Python prints a tuple.
std::string tuple_text(const std::vector<int>& values) {
  std::string text = "(";
  for (std::size_t i = 0; i < values.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(values[i]);
  return text + (values.size() == 1 ? ",)" : ")");
}

std::string python_text(const IntOrTuple& value) {
  return value.is_tuple() ? tuple_text(value.values()) : std::to_string(value.values()[0]);
}

/// "0, -1": the distinct values below 1 (or below 0).
std::string values_below(const std::vector<int>& values, int limit) {
  std::vector<int> found;
  for (const int value : values)
    if (value < limit && std::find(found.begin(), found.end(), value) == found.end()) found.push_back(value);
  std::string text;
  for (const int value : found) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return text;
}

/// The values of an argument, one for each axis.
std::vector<int> read_tuple(const char* argument, const IntOrTuple& value, int rank, KerasRules rules) {
  const bool keras_3 = rules == KerasRules::keras_3;
  const std::string wanted = "The `" + std::string(argument) + "` argument must be a tuple of " + std::to_string(rank) +
                             " integers. Received" + (keras_3 ? " " + std::string(argument) + "=" : ": ") +
                             python_text(value);
  if (value.is_tuple() && static_cast<int>(value.values().size()) != rank) throw std::invalid_argument(wanted);
  const bool zero_has_its_own_text = !keras_3 && std::string_view(argument) == "strides";
  const std::string bad = values_below(value.values(), zero_has_its_own_text ? 0 : 1);
  if (!bad.empty())
    throw std::invalid_argument(wanted + (keras_3 ? ", including values {" : " including {") + bad +
                                (keras_3                 ? "} that do not satisfy `value > 0`"
                                 : zero_has_its_own_text ? "} that does not satisfy the requirement `>= 0`."
                                                         : "} that does not satisfy the requirement `> 0`."));
  std::vector<int> values = value.values();
  if (!value.is_tuple()) values.resize(static_cast<std::size_t>(rank), values[0]);
  if (std::find(values.begin(), values.end(), 0) != values.end())
    throw std::invalid_argument("The argument `strides` cannot contains 0(s). Received: " + tuple_text(values));
  return values;
}

void set_axes(const std::vector<int>& values, std::int32_t& h, std::int32_t& w) {
  if (values.size() == 2) h = values.front();
  w = values.back();
}

std::string not_positive_text(const char* argument, int value) {
  return "Invalid value for argument `" + std::string(argument) + "`. Expected a strictly positive value. Received " +
         argument + "=" + std::to_string(value) + ".";
}

/// Keras has no such limit; beyond it the window's extent does not fit the kernels' index arithmetic.
void require_window(std::int64_t taps, std::int64_t dilation) {
  if ((taps - 1) * dilation + 1 > kMostExtent)
    throw std::invalid_argument("The `kernel_size` argument, dilated, spans " +
                                std::to_string((taps - 1) * dilation + 1) + " elements; expected at most 2^28");
}

Padding read_padding(const std::string& text, const LayerConfig& config) {
  const std::string padding = lower(text);
  const std::optional<Padding> known = padding_from_text(padding);
  const bool causal = known == Padding::causal, keras_3 = config.rules == KerasRules::keras_3;
  const bool may_be_causal =
      config.rank == 1 && (config.causal_extension || config.kind == Kind::conv || (!keras_3 && config.separable()));
  if (known && (!causal || may_be_causal)) return *known;
  const std::string hint = causal && config.rank == 1 ? " (causal_extension = true allows it)" : "";
  if (causal && !keras_3)
    throw std::invalid_argument("Causal padding is only supported for `Conv1D`and `SeparableConv1D`." + hint +
                                " Received: padding=causal for " + config.class_name);
  throw std::invalid_argument(
      std::string("The `padding` argument must be a list/tuple or one of ") +
      (keras_3 ? "{'same', 'valid'}" : "\"valid\", \"same\" (or \"causal\", only for `Conv1D)") +
      ". Received: " + padding + hint);
}

bool is_channels_last(std::string_view text, KerasRules rules) {
  const std::string format = lower(text);
  if (format == "channels_last") return true;
  if (format == "channels_first") return false;
  throw std::invalid_argument(
      rules == KerasRules::keras_3
          ? "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=" +
                format
          : "The `data_format` argument must be one of \"channels_first\", \"channels_last\". Received: " +
                std::string(text));
}

struct KerasActivation {
  std::string_view name, text;  // text: what activation.h calls it
  bool in_tf_keras = true, in_keras_3 = true;
};
constexpr KerasActivation kActivations[] = {
    {"linear", "linear"},
    {"relu", "relu"},
    {"relu6", "relu6"},
    {"leaky_relu", "relu(0.2;inf;0)"},
    {"elu", "elu"},
    {"selu", "selu"},
    {"celu", "celu", false},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"silu", "silu"},
    {"swish", "silu"},
    {"gelu", "gelu"},
    {"softplus", "softplus"},
    {"softsign", "softsign"},
    {"exponential", "exponential"},
    {"hard_sigmoid", "hard_sigmoid"},
    {"hard_silu", "hard_silu", false},
    {"hard_swish", "hard_silu", false},
    {"hard_tanh", "hard_tanh", false},
    {"mish", "mish"},
    {"log_sigmoid", "log_sigmoid", false},
    {"squareplus", "squareplus", false},
    {"sparse_plus", "sparse_plus", false},
    {"sparse_sigmoid", "sparse_sigmoid", false},
    {"soft_shrink", "soft_shrink", false},
    {"hard_shrink", "hard_shrink", false},
    {"tanh_shrink", "tanh_shrink", false},
    {"threshold", "threshold(0;0)", false},
    {"softmax", "softmax"},
    {"log_softmax", "log_softmax"},
    {"sparsemax", "sparsemax", false},
    {"glu", "glu", false},
    // tf.keras makes the layer of that class, with its defaults.
    {"ReLU", "relu", true, false},
    {"LeakyReLU", "relu(0.3;inf;0)", true, false},
    {"ELU", "elu", true, false},
    {"ThresholdedReLU", "relu(0;inf;1)", true, false},
    {"Softmax", "softmax", true, false},
};

/// True for activation.h's forms that are no Keras names: with parameters, and the functions without a Keras name.
bool is_text_form(std::string_view name) {
  return name.find('(') != std::string_view::npos || name == "gelu_tanh" || name == "hard_sigmoid_keras2";
}

void read_activation(const ActivationArg& argument, LayerConfig& config) {
  config.activation_argument = argument;
  if (argument.function()) {
    config.activation = *argument.function();
  } else if (is_text_form(argument.name())) {
    config.activation = activation_from_text(argument.name());
    config.activation_argument = ActivationArg(config.activation);
  } else {
    config.activation = activation_from_keras_name(argument.name(), config.rules);
    if (argument.name() == "threshold")
      config.build_error =
          "Argument `activation`: threshold() missing 2 required positional arguments: 'threshold' and "
          "'default_value'";
  }
}

const char* class_stem(Kind kind) {
  return kind == Kind::separable ? "SeparableConv" : kind == Kind::depthwise ? "DepthwiseConv" : "Conv";
}

const char* default_name(Kind kind) {
  return kind == Kind::separable ? "separable_conv" : kind == Kind::depthwise ? "depthwise_conv" : "conv";
}

void read_window(const IntOrTuple& window, const IntOrTuple& strides_argument, const IntOrTuple& dilation_argument,
                 LayerConfig& config) {
  if (!window.given()) throw std::invalid_argument(config.class_name + " missing 1 required argument: 'kernel_size'");
  set_axes(read_tuple("kernel_size", window, config.rank, config.rules), config.KH, config.KW);
  const std::vector<int> strides = read_tuple("strides", strides_argument, config.rank, config.rules);
  const std::vector<int> dilation = read_tuple("dilation_rate", dilation_argument, config.rank, config.rules);
  const auto above_one = [](int value) { return value > 1; };
  if (config.rules == KerasRules::tf_keras_2 && std::any_of(strides.begin(), strides.end(), above_one) &&
      std::any_of(dilation.begin(), dilation.end(), above_one))
    throw std::invalid_argument(
        "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: "
        "strides=" +
        tuple_text(strides) + " and dilation_rate=" + tuple_text(dilation));
  set_axes(strides, config.stride_h, config.stride_w);
  set_axes(dilation, config.dilation_h, config.dilation_w);
  require_window(config.KH, config.dilation_h);
  require_window(config.KW, config.dilation_w);
}

/// The arguments that all classes have.
template <class Args>
LayerConfig common_config(int rank, Kind kind, const Args& args) {
  if (rank != 1 && rank != 2) throw std::invalid_argument("layer: rank " + std::to_string(rank) + "; expected 1 or 2");
  LayerConfig config;
  const std::string dimensions = rank == 1 ? "1D" : "2D";
  config.class_name = class_stem(kind) + dimensions;
  config.name = !args.name.empty() ? args.name : default_name(kind) + lower(dimensions);
  config.rank = rank;
  config.kind = kind;
  config.rules = args.rules;
  config.causal_extension = args.causal_extension;
  if (config.rules == KerasRules::keras_3 && (!args.weights.empty() || args.batch_size))
    throw std::invalid_argument("Unrecognized keyword arguments passed to " + config.class_name + ": {'" +
                                (args.weights.empty() ? "batch_size" : "weights") +
                                "': ...} (only with KerasRules::tf_keras_2)");
  if (args.depth_multiplier <= 0) {
    config.build_error = not_positive_text("depth_multiplier", args.depth_multiplier);
    if (config.rules == KerasRules::keras_3) throw std::invalid_argument(config.build_error);
  }
  config.depth_multiplier = args.depth_multiplier;
  read_window(args.kernel_size, args.strides, args.dilation_rate, config);
  config.padding = read_padding(args.padding, config);
  const bool last =
      args.data_format ? is_channels_last(*args.data_format, args.rules) : default_is_channels_last.load();
  config.layout = last ? Layout::nhwc : Layout::nchw;
  read_activation(args.activation, config);
  config.use_bias = args.use_bias;
  config.depthwise_initializer = args.depthwise_initializer;
  config.bias_initializer = args.bias_initializer;
  config.depthwise_regularizer = args.depthwise_regularizer.resolve(args.rules);
  config.bias_regularizer = args.bias_regularizer.resolve(args.rules);
  config.activity_regularizer = args.activity_regularizer.resolve(args.rules);
  config.depthwise_constraint = args.depthwise_constraint.resolve(args.rules);
  config.bias_constraint = args.bias_constraint.resolve(args.rules);
  config.dtype = args.dtype;
  if (!config.dtype.usable())
    config.build_error = "Argument `dtype`: expected floating point type, got '" + config.dtype.name() + "'";
  config.trainable = args.trainable;
  config.autocast = args.autocast;
  config.input_shape = args.input_shape;
  config.batch_size = args.batch_size;
  config.weights = args.weights;
  config.strict_float = args.strict_float;
  config.seed = args.seed;
  return config;
}

}  // namespace

std::string image_data_format() { return default_is_channels_last ? "channels_last" : "channels_first"; }

void set_image_data_format(std::string_view data_format) {
  default_is_channels_last = is_channels_last(data_format, KerasRules::keras_3);
}

Activation activation_from_keras_name(std::string_view name, KerasRules rules) {
  const bool keras_3 = rules == KerasRules::keras_3;
  std::string known;
  for (const KerasActivation& entry : kActivations) {
    if (!(keras_3 ? entry.in_keras_3 : entry.in_tf_keras)) continue;
    if (entry.name == name)
      return !keras_3 && name == "hard_sigmoid" ? default_activation(ActivationKind::hard_sigmoid_keras2)
                                                : activation_from_text(entry.text);
    known += (known.empty() ? "" : ", ") + std::string(entry.name);
  }
  throw std::invalid_argument(
      (keras_3 ? "Could not interpret activation function identifier: " + std::string(name) + "."
               : "Unknown activation function '" + std::string(name) + "' cannot be deserialized.") +
      " Known: " + known);
}

LayerConfig separable_layer_config(int rank, const SeparableConvArgs& args) {
  const std::string class_name = rank == 1 ? "SeparableConv1D" : "SeparableConv2D";
  if (!args.filters) throw std::invalid_argument(class_name + " missing 1 required argument: 'filters'");
  if (*args.filters <= 0) throw std::invalid_argument(not_positive_text("filters", *args.filters));
  LayerConfig config = common_config(rank, Kind::separable, args);
  config.filters = *args.filters;
  config.pointwise_initializer = args.pointwise_initializer;
  config.pointwise_regularizer = args.pointwise_regularizer.resolve(args.rules);
  config.pointwise_constraint = args.pointwise_constraint.resolve(args.rules);
  return config;
}

LayerConfig depthwise_layer_config(int rank, const DepthwiseConvArgs& args) {
  return common_config(rank, Kind::depthwise, args);
}

LayerConfig conv_config(int rank, const SeparableConvArgs& args, int groups) {
  const std::string class_name = rank == 1 ? "Conv1D" : "Conv2D";
  if (!args.filters) throw std::invalid_argument(class_name + " missing 1 required argument: 'filters'");
  if (*args.filters <= 0) throw std::invalid_argument(not_positive_text("filters", *args.filters));
  if (groups <= 0) throw std::invalid_argument(not_positive_text("groups", groups));
  if (*args.filters % groups != 0)
    throw std::invalid_argument(
        "The number of filters must be evenly divisible by the number of groups. Received: groups=" +
        std::to_string(groups) + ", filters=" + std::to_string(*args.filters));
  LayerConfig config = common_config(rank, Kind::conv, args);
  config.filters = *args.filters;
  config.groups = groups;
  config.depth_multiplier = groups > 1 ? config.filters / groups : 1;
  return config;
}

std::vector<int> LayerConfig::kernel_size() const {
  return rank == 1 ? std::vector<int>{KW} : std::vector<int>{KH, KW};
}
std::vector<int> LayerConfig::strides() const {
  return rank == 1 ? std::vector<int>{stride_w} : std::vector<int>{stride_h, stride_w};
}
std::vector<int> LayerConfig::dilation_rate() const {
  return rank == 1 ? std::vector<int>{dilation_w} : std::vector<int>{dilation_h, dilation_w};
}
const char* LayerConfig::data_format() const { return layout == Layout::nhwc ? "channels_last" : "channels_first"; }

void detail::validate(const LayerConfig& config) {
  const auto require = [&](bool fits, const char* what) {
    if (!fits)
      throw std::invalid_argument("LayerConfig of layer '" + config.name + "' (" + config.class_name + "): " + what);
  };
  require(config.rank == 1 || config.rank == 2, "`rank` must be 1 or 2");
  require(config.kind != Kind::conv, "`kind` must be separable or depthwise");
  require(config.class_name == class_stem(config.kind) + std::string(config.rank == 1 ? "1D" : "2D"),
          "`class_name` must be that of its rank and `kind`");
  require(std::min({config.KH, config.KW, config.stride_h, config.stride_w, config.dilation_h, config.dilation_w}) > 0,
          "window, strides and dilation must be positive");
  require(config.rank == 2 || (config.KH == 1 && config.stride_h == 1 && config.dilation_h == 1),
          "a 1-D layer has KH = stride_h = dilation_h = 1");
  require(config.padding != Padding::causal || config.rank == 1, "causal `padding` is for 1-D layers");
  require_window(config.KH, config.dilation_h);
  require_window(config.KW, config.dilation_w);
  if (!config.build_error.empty()) return;  // build() refuses it
  require(config.dtype.usable(), "`dtype` is not a floating point type");
  require(config.depth_multiplier > 0, "`depth_multiplier` must be positive");
  require(!config.separable() || config.filters > 0, "`filters` must be positive");
}

}  // namespace sepconv
