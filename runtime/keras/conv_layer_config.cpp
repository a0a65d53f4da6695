// A serialised convolution layer to ConvLayerConfig, ConvProblem and ConvWeights, by Keras' rules.

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "activation_config.h"
#include "json_text.h"
#include "layer_class.h"
#include "sepconv/detail/keras_layer.h"
#include "shape_rules.h"

namespace sepconv {

using keras::member;
using keras::shown;
using nlohmann::json;

namespace {

constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

struct ConvClass {
  const char* name;
  ConvOp op;
  int rank;
};

constexpr std::array kClasses = {
    ConvClass{"SeparableConv1D", ConvOp::separable, 1}, ConvClass{"SeparableConv2D", ConvOp::separable, 2},
    ConvClass{"DepthwiseConv1D", ConvOp::depthwise, 1}, ConvClass{"DepthwiseConv2D", ConvOp::depthwise, 2},
    ConvClass{"Conv1D", ConvOp::pointwise, 1},          ConvClass{"Conv2D", ConvOp::pointwise, 2},
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// A Python int: true and false are 1 and 0. tf.keras 2 also truncates floats.
std::optional<std::int64_t> integer(const json& value, KerasRules rules) {
  if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return number > static_cast<std::uint64_t>(kMaxInt) ? kMaxInt + 1 : static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float() && rules == KerasRules::tf_keras_2) {
    const double number = value.get<double>();
    if (number >= -1e9 && number <= 1e9) return static_cast<std::int64_t>(number);
  }
  return std::nullopt;
}

std::int32_t positive(const json& config, const char* key, std::optional<std::int32_t> fallback, KerasRules rules,
                      const std::string& what) {
  const json& value = member(config, key);
  if (value.is_null() && fallback && !config.contains(key)) return *fallback;
  const std::optional<std::int64_t> number = integer(value, rules);
  if (!number || *number <= 0)
    throw std::invalid_argument(what + ": Invalid value for argument `" + key +
                                "`. Expected a strictly positive value. Received " + key + "=" + shown(value) + ".");
  if (*number > kMaxInt)
    throw std::invalid_argument(what + ": `" + key + "` must be at most 2147483647. Received " + key + "=" +
                                shown(value) + ".");
  return static_cast<std::int32_t>(*number);
}

/// An int, or a list of `rank` ints; right-aligned in the result, so that a 1-D layer's lies along the width.
std::array<std::int32_t, 2> sizes(const json& config, const char* key, bool required, int rank,
                                  const std::string& what) {
  const json& value = member(config, key);
  if (value.is_null() && !required && !config.contains(key)) return {1, 1};
  const auto refuse = [&](const std::string& more) {
    throw std::invalid_argument(what + ": The `" + std::string(key) + "` argument must be a tuple of " +
                                std::to_string(rank) + " integers. Received " + key + "=" + shown(value) + more);
  };
  std::vector<json> items;
  if (value.is_array())
    items.assign(value.begin(), value.end());
  else
    items.assign(static_cast<std::size_t>(rank), value);
  if (items.size() != static_cast<std::size_t>(rank)) refuse("");
  std::array<std::int32_t, 2> result{1, 1};
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::optional<std::int64_t> number = integer(items[i], KerasRules::keras_3);
    if (!number) refuse("");
    if (*number <= 0) refuse(", including values {" + std::to_string(*number) + "} that do not satisfy `value > 0`");
    if (*number > kMaxInt) refuse(", including a value above 2147483647");
    result[2 - items.size() + i] = static_cast<std::int32_t>(*number);
  }
  return result;
}

/// Early tf.keras 2 took both, with results of its own; later releases refuse them.
void check_strides_and_dilation(const ConvLayerConfig& config, KerasRules rules, const std::string& what) {
  const auto largest = [](const std::array<std::int32_t, 2>& values) { return std::max(values[0], values[1]); };
  if (rules == KerasRules::tf_keras_2 && largest(config.strides) > 1 && largest(config.dilation_rate) > 1)
    throw std::invalid_argument(what +
                                ": `strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                                "Received: strides=" +
                                std::to_string(largest(config.strides)) +
                                " and dilation_rate=" + std::to_string(largest(config.dilation_rate)));
}

std::string padding_of(const json& config, const ConvClass& kind, KerasRules rules, const std::string& what) {
  if (!config.contains("padding")) return "valid";
  const json& value = member(config, "padding");
  const std::string padding = value.is_string() ? lower(value.get<std::string>()) : "";
  const bool causal_allowed = kind.rank == 1 && (kind.op == ConvOp::pointwise ||
                                                 (kind.op == ConvOp::separable && rules == KerasRules::tf_keras_2));
  if (padding == "valid" || padding == "same" || (padding == "causal" && causal_allowed)) return padding;
  if (padding == "causal" && rules == KerasRules::tf_keras_2)
    throw std::invalid_argument(what + ": Causal padding is only supported for `Conv1D` and `SeparableConv1D`.");
  throw std::invalid_argument(what + ": The `padding` argument must be one of {'same', 'valid'" +
                              (causal_allowed ? ", 'causal'" : "") + "}. Received: " + shown(value));
}

Layout layout_of(const json& config, const std::string& what) {
  const json& value = member(config, "data_format");
  if (value.is_null()) return Layout::nhwc;
  const std::string format = value.is_string() ? lower(value.get<std::string>()) : "";
  if (format == "channels_last") return Layout::nhwc;
  if (format == "channels_first") return Layout::nchw;
  throw std::invalid_argument(what +
                              ": The `data_format` argument must be one of {'channels_first', 'channels_last'}. "
                              "Received: data_format=" +
                              shown(value));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + (shape[i] < 0 ? "None" : std::to_string(shape[i]));
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::string title(const ConvLayerConfig& config) { return config.class_name + " '" + config.name + "'"; }

void check_window(ConvLayerConfig& config) {
  if (!config.why_not.empty() || config.op != ConvOp::pointwise) return;
  const auto [kh, kw] = config.kernel_size;
  if (kh != 1 || kw != 1)
    config.why_not = config.class_name + " with a " + (config.rank == 2 ? std::to_string(kh) + "x" : "") +
                     std::to_string(kw) + " window: only 1x1 windows are compiled";
}

/// A Conv layer whose groups have one channel each is a depthwise layer. How many channels there are is known later.
void read_groups(ConvLayerConfig& config, const json& json_config, KerasRules rules, const std::string& what) {
  config.groups = positive(json_config, "groups", 1, rules, what);
  if (config.filters % config.groups != 0)
    throw std::invalid_argument(what +
                                ": The number of filters must be evenly divisible by the number of groups. "
                                "Received: groups=" +
                                std::to_string(config.groups) + ", filters=" + std::to_string(config.filters));
  if (config.groups == 1) return;
  config.op = ConvOp::depthwise;
  config.depth_multiplier = config.filters / config.groups;
}

}  // namespace

ConvLayerConfig conv_layer_config(const json& layer, KerasRules rules) {
  const json& class_name = member(layer, "class_name");
  const auto kind = std::find_if(kClasses.begin(), kClasses.end(),
                                 [&](const ConvClass& candidate) { return class_name == candidate.name; });
  if (kind == kClasses.end())
    throw std::invalid_argument(
        "layer: `class_name` must be SeparableConv1D, SeparableConv2D, DepthwiseConv1D, DepthwiseConv2D, Conv1D or "
        "Conv2D. Received: " +
        shown(class_name));
  if (const auto why = keras::foreign_origin(layer)) throw NotCompiledError("a custom class: " + *why);
  const json& json_config = member(layer, "config");
  ConvLayerConfig config;
  config.class_name = kind->name;
  config.name = keras::string_member(json_config, "name", "", config.class_name + " layer");
  const std::string what = title(config);
  if (!json_config.is_object()) throw std::invalid_argument(what + ": has no `config` object");
  config.op = kind->op;
  config.rank = kind->rank;
  if (kind->op != ConvOp::depthwise) config.filters = positive(json_config, "filters", std::nullopt, rules, what);
  if (kind->op != ConvOp::pointwise)
    config.depth_multiplier = positive(json_config, "depth_multiplier", 1, rules, what);
  if (kind->op == ConvOp::pointwise) read_groups(config, json_config, rules, what);
  config.kernel_size = sizes(json_config, "kernel_size", true, kind->rank, what);
  config.strides = sizes(json_config, "strides", false, kind->rank, what);
  config.dilation_rate = sizes(json_config, "dilation_rate", false, kind->rank, what);
  check_strides_and_dilation(config, rules, what);
  config.padding = padding_of(json_config, *kind, rules, what);
  config.layout = layout_of(json_config, what);
  config.use_bias = keras::truthy_member(json_config, "use_bias", true);
  config.dtype = keras::dtype_policy_name(json_config, what);
  if (const auto compute = keras::compute_dtype(config.dtype)) {
    config.compute_dtype = *compute;
  } else {
    // Keras itself computes neither its quantised nor its float8 policies for these layers.
    if (!member(json_config, "dtype").is_object() && config.dtype.find("float8") == std::string::npos)
      throw std::invalid_argument(what +
                                  ": `dtype` must be a floating-point type or policy. Received: " + config.dtype);
    config.why_not = "dtype policy " + config.dtype +
                     ": compiled are float32, float64, float16, bfloat16, mixed_float16 and mixed_bfloat16";
  }
  try {
    config.activation = keras::activation_from_json(member(json_config, "activation"), rules, what, config.rank + 2);
  } catch (const NotCompiledError& error) {
    if (config.why_not.empty()) config.why_not = error.what();
  }
  check_window(config);
  return config;
}

ConvProblem conv_problem(const ConvLayerConfig& config, const std::vector<std::int64_t>& input_shape,
                         const std::array<std::int32_t, 4>& zeros) {
  const std::string what = title(config);
  const std::size_t rank = static_cast<std::size_t>(config.rank);
  if (input_shape.size() != rank + 2)
    throw std::invalid_argument(what + ": expected an input of rank " + std::to_string(rank + 2) +
                                ", the batch first. Received shape " + shape_text(input_shape));
  const bool last = config.layout == Layout::nhwc;
  const std::int64_t channels = last ? input_shape.back() : input_shape[1];
  if (channels == kDynamic || channels <= 0)
    throw std::invalid_argument(what + ": The channel dimension of the inputs should be defined. Received shape " +
                                shape_text(input_shape));
  const std::size_t first = last ? 1 : 2;
  std::array<std::int64_t, 2> extents{1, input_shape[first]};
  if (rank == 2) extents = {input_shape[first], input_shape[first + 1]};
  if (config.groups > 1 && channels % config.groups != 0)
    throw std::invalid_argument(what + ": The number of input channels must be evenly divisible by the number of " +
                                "groups. Received: groups=" + std::to_string(config.groups) + ", channels " +
                                std::to_string(channels));

  const bool dynamic = extents[0] == kDynamic || extents[1] == kDynamic;
  std::array<std::array<std::int64_t, 2>, 2> pads{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    if (extents[axis] < kDynamic)
      throw std::invalid_argument(what + ": negative extent in the input shape " + shape_text(input_shape));
    if (extents[axis] == kDynamic) continue;
    if (axis == 0 && rank == 1) continue;
    pads[axis] = keras::padding_zeros(config.padding, extents[axis], config.kernel_size[axis], config.strides[axis],
                                      config.dilation_rate[axis]);
    pads[axis][0] += zeros[2 * axis];
    pads[axis][1] += zeros[2 * axis + 1];
    const std::int64_t effective = (std::int64_t{config.kernel_size[axis]} - 1) * config.dilation_rate[axis] + 1;
    if (extents[axis] + pads[axis][0] + pads[axis][1] < effective)
      throw std::invalid_argument(what + ": Computed output size would be zero or negative. Received input shape " +
                                  shape_text(input_shape) + ", an effective window of " + std::to_string(effective) +
                                  " and padding '" + config.padding + "'");
  }
  if (!config.why_not.empty()) throw NotCompiledError(config.why_not);
  if (config.groups > 1 && config.groups != channels)
    throw NotCompiledError(config.class_name + " with groups=" + std::to_string(config.groups) + " on " +
                           std::to_string(channels) +
                           " channels: compiled are 1x1 windows with groups=1, and groups equal to the channels");

  constexpr std::int64_t kMaxExtent = kMaxInt / 8;  // what ConvProblem allows
  // The first check keeps the product within 64 bits.
  if (channels > kMaxExtent) throw NotCompiledError("too large: more than 2^28 channels");
  for (const std::int64_t value :
       {channels * config.depth_multiplier, extents[0], extents[1], pads[0][0], pads[0][1], pads[1][0], pads[1][1]})
    if (value > kMaxExtent) throw NotCompiledError("too large: an extent or pad above 2^28 elements");
  ConvProblem problem;
  problem.op = config.op;
  problem.dtype = config.compute_dtype;
  problem.layout = config.layout;
  problem.IH = static_cast<std::int32_t>(extents[0]);
  problem.IW = static_cast<std::int32_t>(extents[1]);
  problem.IC = static_cast<std::int32_t>(channels);
  problem.OC = config.op == ConvOp::depthwise ? problem.IC * config.depth_multiplier : config.filters;
  problem.KH = config.kernel_size[0];
  problem.KW = config.kernel_size[1];
  problem.stride_h = config.strides[0];
  problem.stride_w = config.strides[1];
  if (config.op != ConvOp::pointwise) {  // a 1x1 window has no use for it
    problem.dilation_h = config.dilation_rate[0];
    problem.dilation_w = config.dilation_rate[1];
  }
  problem.pad_top = static_cast<std::int32_t>(pads[0][0]);
  problem.pad_bottom = static_cast<std::int32_t>(pads[0][1]);
  problem.pad_left = static_cast<std::int32_t>(pads[1][0]);
  problem.pad_right = static_cast<std::int32_t>(pads[1][1]);
  problem.depth_multiplier = config.depth_multiplier;
  problem.output = {config.use_bias, config.activation};
  if (dynamic) problem = with_dynamic_extents(problem);
  try {
    validate(problem);
  } catch (const std::invalid_argument& error) {
    throw NotCompiledError(error.what());
  }
  return problem;
}

std::vector<KerasWeight> conv_weight_shapes(const ConvLayerConfig& config, std::int64_t channels) {
  std::vector<KerasWeight> weights;
  std::vector<std::int64_t> window;
  if (config.rank == 2) window.push_back(config.kernel_size[0]);
  window.push_back(config.kernel_size[1]);
  const auto add = [&](const char* name, std::vector<std::int64_t> shape, std::int64_t a, std::int64_t b) {
    shape.push_back(a);
    shape.push_back(b);
    weights.push_back({name, std::move(shape)});
  };
  std::int64_t middle = 0;
  if (channels < 0 || __builtin_mul_overflow(channels, std::int64_t{config.depth_multiplier}, &middle))
    throw std::invalid_argument(title(config) + ": too many channels: " + std::to_string(channels));
  const bool is_conv = config.op == ConvOp::pointwise || config.groups > 1;
  if (!is_conv) add("depthwise_kernel", window, channels, config.depth_multiplier);
  if (config.op == ConvOp::separable)
    add("pointwise_kernel", std::vector<std::int64_t>(window.size(), 1), middle, config.filters);
  if (is_conv) add("kernel", window, channels / config.groups, config.filters);
  if (config.use_bias) weights.push_back({"bias", {config.filters > 0 ? config.filters : middle}});
  return weights;
}

ConvWeights conv_weights(const ConvLayerConfig& config, std::int64_t channels, const std::vector<KerasArray>& arrays) {
  const std::vector<KerasWeight> wanted = conv_weight_shapes(config, channels);
  if (arrays.size() != wanted.size())
    throw std::invalid_argument(title(config) + ": expected " + std::to_string(wanted.size()) +
                                " weights. Received: " + std::to_string(arrays.size()));
  ConvWeights weights;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::int64_t elements = 1;
    for (const std::int64_t extent : arrays[i].shape)
      if (__builtin_mul_overflow(elements, extent, &elements)) elements = -1;
    if (arrays[i].shape != wanted[i].shape || elements != static_cast<std::int64_t>(arrays[i].values.size()))
      throw std::invalid_argument(title(config) + ": weight `" + wanted[i].name + "` must have shape " +
                                  shape_text(wanted[i].shape) + ". Received: " + shape_text(arrays[i].shape) +
                                  " with " + std::to_string(arrays[i].values.size()) + " elements");
    WeightArray values(arrays[i].values, config.compute_dtype);
    // The filters of a Conv layer's groups lie as a depthwise kernel's multiples: [KH, KW, channels * multiplier].
    const bool is_depthwise = wanted[i].name == "depthwise_kernel" || config.op == ConvOp::depthwise;
    if (wanted[i].name == "bias")
      weights.bias = std::move(values);
    else if (is_depthwise)
      weights.depthwise = std::move(values);
    else
      weights.pointwise = std::move(values);
  }
  return weights;
}

PlannedLayer plan_layer_config(const json& layer, std::vector<std::int64_t> input_shape, KerasRules rules) {
  const ConvLayerConfig config = conv_layer_config(layer, rules);
  if (input_shape.empty()) {
    const std::optional<keras::Shape> own = keras::declared_input_shape(layer);
    if (!own) throw NotCompiledError("input shape unknown; give --layer-shape " + config.name + "=HxWxC");
    input_shape = *own;
  }
  PlannedLayer planned;
  planned.name = config.name;
  planned.absorbed = {config.name};
  planned.problem = conv_problem(config, input_shape);
  planned.padding = config.padding;
  return planned;
}

}  // namespace sepconv
