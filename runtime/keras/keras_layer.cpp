// A convolution layer's configuration to ConvProblem and ConvWeights, by Keras' rules.

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/keras/json_text.h"
#include "runtime/keras/shape_rules.h"
#include "runtime/layers/layer_problem.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv {

using nlohmann::json;

namespace {

// What ConvProblem allows.
constexpr std::int64_t kMaxExtent = std::numeric_limits<std::int32_t>::max() / 8;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + (shape[i] < 0 ? "None" : std::to_string(shape[i]));
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::string title(const LayerConfig& config) { return config.class_name + " '" + config.name + "'"; }

/// Extents of an input whose first axis is the batch.
detail::InputExtents extents_of(const LayerConfig& config, const std::vector<std::int64_t>& input_shape) {
  const std::string what = title(config);
  const auto rank = static_cast<std::size_t>(config.rank);
  if (input_shape.size() != rank + 2)
    throw std::invalid_argument(what + ": expected an input of rank " + std::to_string(rank + 2) +
                                ", the batch first. Received shape " + shape_text(input_shape));
  const bool last = config.layout == Layout::nhwc;
  const std::int64_t channels = last ? input_shape.back() : input_shape[1];
  if (channels == kDynamic || channels <= 0)
    throw std::invalid_argument(what + ": The channel dimension of the inputs should be defined. Received shape " +
                                shape_text(input_shape));
  if (channels % config.groups != 0)
    throw std::invalid_argument(what + ": The number of input channels must be evenly divisible by the number of " +
                                "groups. Received: groups=" + std::to_string(config.groups) + ", channels " +
                                std::to_string(channels));
  const std::size_t first = last ? 1 : 2;
  detail::InputExtents extents;
  if (rank == 2) extents.H = input_shape[first];
  extents.W = input_shape[first + rank - 1];
  extents.C = channels;
  return extents;
}

struct Axis {
  std::int64_t extent, window, stride, zeros_before, zeros_after;
};

/// Refuses what Keras refuses along an axis. @return the largest of its extent and pads
std::int64_t check_axis(const LayerConfig& config, const Axis& axis, const std::vector<std::int64_t>& input_shape) {
  if (axis.extent < kDynamic)
    throw std::invalid_argument(title(config) + ": negative extent in the input shape " + shape_text(input_shape));
  if (axis.extent == kDynamic) return 0;
  const AxisPads pads = pads_of_axis(config.padding, axis.extent, axis.window, axis.stride);
  const std::int64_t before = pads.before + axis.zeros_before, after = pads.after + axis.zeros_after;
  if (axis.extent + before + after < axis.window)
    throw std::invalid_argument(title(config) +
                                ": Computed output size would be zero or negative. Received input shape " +
                                shape_text(input_shape) + ", an effective window of " + std::to_string(axis.window) +
                                " and padding '" + to_text(config.padding) + "'");
  return std::max({axis.extent, before, after});
}

}  // namespace

ConvProblem conv_problem(const LayerConfig& config, const std::vector<std::int64_t>& input_shape,
                         const std::array<std::int32_t, 4>& zeros) {
  const detail::InputExtents extents = extents_of(config, input_shape);
  const auto span = [](std::int64_t taps, std::int64_t dilation) { return (taps - 1) * dilation + 1; };
  std::int64_t largest = check_axis(
      config, {extents.W, span(config.KW, config.dilation_w), config.stride_w, zeros[2], zeros[3]}, input_shape);
  if (config.rank == 2)
    largest = std::max(
        largest,
        check_axis(config, {extents.H, span(config.KH, config.dilation_h), config.stride_h, zeros[0], zeros[1]},
                   input_shape));
  if (!config.why_not.empty()) throw NotCompiledError(config.why_not);
  if (config.groups > 1 && config.groups != extents.C)
    throw NotCompiledError(config.class_name + " with groups=" + std::to_string(config.groups) + " on " +
                           std::to_string(extents.C) +
                           " channels is not compiled; expected groups=1, or as many groups as channels");
  // The first check keeps the product within 64 bits.
  if (extents.C > kMaxExtent) throw NotCompiledError("too large: more than 2^28 channels");
  if (std::max(largest, extents.C * config.depth_multiplier) > kMaxExtent)
    throw NotCompiledError("too large: an extent or pad above 2^28 elements");
  ConvProblem problem = detail::problem_for(config, extents);
  Window& w = problem.stages.front().window;
  if (config.rank == 2 && extents.H != kDynamic) w.pad_top += zeros[0], w.pad_bottom += zeros[1];
  if (extents.W != kDynamic) w.pad_left += zeros[2], w.pad_right += zeros[3];
  if (problem.is_dynamic()) problem = with_dynamic_extents(problem);
  try {
    validate(problem);
  } catch (const std::invalid_argument& error) {
    throw NotCompiledError(error.what());
  }
  return problem;
}

std::vector<KerasWeight> conv_weight_shapes(const LayerConfig& config, std::int64_t channels) {
  std::int64_t middle = 0;
  if (channels < 0 || __builtin_mul_overflow(channels, std::int64_t{config.depth_multiplier}, &middle))
    throw std::invalid_argument(title(config) + ": too many channels: " + std::to_string(channels));
  std::vector<std::string> names = {config.kind == LayerConfig::Kind::conv ? "kernel" : "depthwise_kernel"};
  if (config.separable()) names.emplace_back("pointwise_kernel");
  if (config.use_bias) names.emplace_back("bias");
  const std::vector<Shape> shapes = detail::keras_weight_shapes(config, channels);
  std::vector<KerasWeight> weights;
  for (std::size_t i = 0; i < names.size(); ++i) weights.push_back({names[i], shapes[i]});
  return weights;
}

ConvWeights conv_weights(const LayerConfig& config, std::int64_t channels, const std::vector<KerasArray>& arrays) {
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
    // Keras' order is that of ConvWeights. The filters of a Conv layer's groups lie as a depthwise kernel's multiples:
    // [KH, KW, channels * multiplier].
    weights.arrays.emplace_back(arrays[i].values, config.dtype.compute_dtype());
  }
  return weights;
}

PlannedLayer plan_layer_config(const json& layer, std::vector<std::int64_t> input_shape, KerasRules rules) {
  const LayerConfig config = conv_layer_config(layer, rules);
  if (input_shape.empty()) {
    const std::optional<keras::Shape> own = keras::declared_input_shape(layer);
    if (!own) throw NotCompiledError("input shape unknown; pass --layer-shape " + config.name + "=HxWxC");
    input_shape = *own;
  }
  PlannedLayer planned;
  planned.name = config.name;
  planned.absorbed = {config.name};
  planned.problem = conv_problem(config, input_shape);
  planned.padding = to_text(config.padding);
  return planned;
}

}  // namespace sepconv
