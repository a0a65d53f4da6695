#include "runtime/layers/layer_problem.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace sepconv::detail {
namespace {

// Largest extent of an axis.
constexpr std::int64_t kMostExtent = std::int64_t{1} << 28;

Shape with_batch(const Shape& input_shape) {
  Shape full = {kDynamic};
  full.insert(full.end(), input_shape.begin(), input_shape.end());
  return full;
}

Shape to_shape(const std::vector<int>& values) { return Shape(values.begin(), values.end()); }

/// What Keras says of an input with more or fewer axes.
std::string rank_text(const LayerConfig& config, const Shape& full) {
  const int wanted = config.rank + 2, found = static_cast<int>(full.size());
  if (found < wanted)
    return "Input 0 of layer '" + config.name +
           "' is incompatible with the layer: expected min_ndim=" + std::to_string(wanted) +
           ", found ndim=" + std::to_string(found) + ". Full shape received: " + to_text(full);
  return "Inputs to layer '" + config.name + "' should have rank " + std::to_string(wanted) +
         ". Kernel shape must have the same length as input, but received kernel_size=" +
         to_text(to_shape(config.kernel_size())) + " and input of shape " + to_text(full) + ".";
}

/// Sets the extents and pads of one axis of a problem.
void set_axis(Padding padding, std::int64_t input, std::int32_t window, std::int32_t stride, std::int32_t& extent,
              std::int32_t& before, std::int32_t& after) {
  extent = static_cast<std::int32_t>(input);
  if (input == kDynamic) {
    before = after = kDynamic;
    return;
  }
  const AxisPads pads = pads_of_axis(padding, input, window, stride);
  before = static_cast<std::int32_t>(pads.before);
  after = static_cast<std::int32_t>(pads.after);
}

}  // namespace

InputExtents input_extents(const LayerConfig& config, const Shape& input_shape) {
  const Shape full = with_batch(input_shape);
  const std::string where = "Input 0 of layer '" + config.name + "' is incompatible with the layer: ";
  if (static_cast<int>(input_shape.size()) != config.rank + 1) throw std::invalid_argument(rank_text(config, full));
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

std::int64_t output_channels(const LayerConfig& config, std::int64_t input_channels) {
  return config.kind == LayerConfig::Kind::depthwise ? input_channels * config.depth_multiplier : config.filters;
}

ConvProblem problem_for(const LayerConfig& config, const InputExtents& extents) {
  ConvProblem p;
  p.dtype = config.dtype.compute_dtype();
  p.strict_float = config.strict_float;
  p.layout = config.layout;
  p.IC = static_cast<std::int32_t>(extents.C);
  Stage first;
  if (config.is_ungrouped_conv())
    first.kind = StageKind::conv, first.out_channels = config.filters;
  else
    first.depth_multiplier = config.depth_multiplier;
  Window& w = first.window;
  w.KH = config.KH, w.KW = config.KW;
  w.stride_h = config.stride_h, w.stride_w = config.stride_w;
  // The dilation of one tap has no effect.
  if (!config.is_ungrouped_conv() || config.KH > 1) w.dilation_h = config.dilation_h;
  if (!config.is_ungrouped_conv() || config.KW > 1) w.dilation_w = config.dilation_w;
  if (config.rank == 2) set_axis(config.padding, extents.H, w.KH_eff(), w.stride_h, p.IH, w.pad_top, w.pad_bottom);
  set_axis(config.padding, extents.W, w.KW_eff(), w.stride_w, p.IW, w.pad_left, w.pad_right);
  p.stages = {first};
  if (config.separable()) p.stages.push_back({StageKind::conv, {}, 1, config.filters, {}});
  p.stages.back().epilogue = make_epilogue(config.use_bias, config.activation);
  return p;
}

std::vector<Shape> keras_weight_shapes(const LayerConfig& config, std::int64_t input_channels) {
  const Shape window = config.rank == 1 ? Shape{config.KW} : Shape{config.KH, config.KW};
  Shape kernel = window;
  if (config.kind == LayerConfig::Kind::conv)
    kernel.insert(kernel.end(), {input_channels / config.groups, config.filters});
  else
    kernel.insert(kernel.end(), {input_channels, config.depth_multiplier});
  std::vector<Shape> shapes = {kernel};
  if (config.separable()) {
    Shape pointwise(config.rank, 1);
    pointwise.insert(pointwise.end(), {input_channels * config.depth_multiplier, config.filters});
    shapes.push_back(pointwise);
  }
  if (config.use_bias) shapes.push_back({output_channels(config, input_channels)});
  return shapes;
}

Shape output_shape(const LayerConfig& config, const InputExtents& extents) {
  const Window w = problem_for(config, extents).stages[0].window;
  const std::int64_t C = output_channels(config, extents.C);
  const std::int64_t H = output_extent(config.padding, extents.H, w.KH_eff(), w.stride_h);
  const std::int64_t W = output_extent(config.padding, extents.W, w.KW_eff(), w.stride_w);
  const Shape window = config.rank == 1 ? Shape{W} : Shape{H, W};
  Shape shape = config.layout == Layout::nhwc ? window : Shape{C};
  if (config.layout == Layout::nhwc)
    shape.push_back(C);
  else
    shape.insert(shape.end(), window.begin(), window.end());
  if (config.activation.kind != ActivationKind::glu || shape.back() == kDynamic) return shape;
  if (shape.back() % 2 != 0)
    throw std::invalid_argument(
        "Argument `activation` of layer '" + config.name +
        "': glu: axis size must be divisible by 2. Received: x.shape=" + to_text(with_batch(shape)) + " with axis=-1");
  if (shape.back() > 0) shape.back() /= 2;
  return shape;
}

InputExtents checked_extents(const LayerConfig& config, const Shape& input_shape) {
  const InputExtents in = input_extents(config, input_shape);
  if (!config.build_error.empty()) throw std::invalid_argument("layer '" + config.name + "': " + config.build_error);
  const Window w = problem_for(config, in).stages[0].window;
  const std::int64_t least = config.rules == KerasRules::keras_3 ? 1 : 0;
  const auto empty = [&](std::int64_t extent, std::int64_t window, std::int64_t stride) {
    return extent != kDynamic && config.padding == Padding::valid &&
           output_extent(config.padding, extent, window, stride) < least;
  };
  if (empty(in.H, w.KH_eff(), w.stride_h) || empty(in.W, w.KW_eff(), w.stride_w))
    throw std::invalid_argument(empty_output_text(config, input_shape, in));
  return in;
}

std::string empty_output_text(const LayerConfig& config, const Shape& input_shape, const InputExtents& extents) {
  Shape kernel = to_shape(config.kernel_size());
  kernel.insert(kernel.end(), {extents.C, output_channels(config, extents.C)});
  return std::string("Computed output size would be ") +
         (config.rules == KerasRules::keras_3 ? "zero or negative" : "negative") +
         ". Received `inputs shape=" + to_text(with_batch(input_shape)) + "`, `kernel shape=" + to_text(kernel) +
         "`, `dilation_rate=" + to_text(to_shape(config.dilation_rate())) +
         "`, `strides=" + to_text(to_shape(config.strides())) + "`, `padding=valid`.";
}

}  // namespace sepconv::detail
