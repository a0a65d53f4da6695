// Convolutions and Dense layers.

#include <algorithm>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

/// A convolution's problem as a step; its arrays are in the order of the problem's.
int add_convolution(CallLowering& c, const ConvProblem& problem, std::vector<Values> arrays, int input, int output) {
  DraftStep step = c.begin_step(input, problem.layout);
  step.problem = problem;
  step.arrays = std::move(arrays);
  step.output = output;
  c.add_step(std::move(step));
  return output;
}

std::vector<Values> values_of(const ConvWeights& weights) {
  std::vector<Values> result;
  for (const WeightArray& array : weights.arrays) result.push_back(array.to_doubles());
  return result;
}

/// Columns [first, first + count) of an array whose last axis has `columns`.
Values columns_of(const Values& values, std::int64_t columns, std::int64_t first, std::int64_t count) {
  Values result;
  for (std::size_t row = 0; row < values.size(); row += static_cast<std::size_t>(columns))
    for (std::int64_t i = 0; i < count; ++i) result.push_back(values[row + static_cast<std::size_t>(first + i)]);
  return result;
}

/// A part with the channels [first, first + count).
int channel_part(CallLowering& c, int tensor, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> shape = c.shape(tensor);
  const Extents e = image_extents(shape, Layout::nhwc);
  shape.back() = count;
  return c.draft.add_part(tensor, c.layer.name, shape, first, {e.W * e.C, e.C});
}

/// Each group of channels by itself: a convolution that reads a part of the input and writes a part of the output.
int lower_groups(CallLowering& c, const LayerConfig& config) {
  if (config.layout != Layout::nhwc) throw NotCompiledError("groups with channels_first are not compiled");
  if (!is_elementwise(config.activation.kind))
    throw NotCompiledError("groups with " + to_text(config.activation) + " are not compiled");
  const std::int64_t groups = config.groups, channels = c.shape(c.input()).back();
  constexpr std::int64_t kMostGroups = 256;
  if (groups > kMostGroups)
    throw NotCompiledError("more than " + std::to_string(kMostGroups) + " groups are not compiled");
  if (channels % groups != 0) throw NotCompiledError("its groups do not divide the channels");
  LayerConfig one = config;
  one.groups = 1;
  one.filters = config.filters / config.groups;
  Shape shape = c.keras_shape(c.input());
  shape.back() = channels / groups;
  const ConvProblem problem = conv_problem(one, shape);
  const std::vector<KerasArray> arrays = c.arrays(config.use_bias ? 2 : 1);
  const int input = c.dense(c.input()), output = c.add_output(Layout::nhwc);
  for (std::int64_t g = 0; g < groups; ++g) {
    std::vector<Values> values(weights_of(problem).size());
    if (!arrays.empty()) {
      const std::int64_t filters = one.filters;
      std::vector<KerasArray> of_group = arrays;
      for (KerasArray& array : of_group) {
        if (array.shape.empty() || array.shape.back() != config.filters)
          throw std::invalid_argument(c.what() + ": its weights do not fit its filters");
        array.values = columns_of(array.values, config.filters, g * filters, filters);
        array.shape.back() = filters;
      }
      values = values_of(conv_weights(one, channels / groups, of_group));
    }
    add_convolution(c, problem, std::move(values), channel_part(c, input, g * (channels / groups), channels / groups),
                    channel_part(c, output, g * one.filters, one.filters));
  }
  return output;
}

int lower_convolution(CallLowering& c) {
  const LayerConfig config = conv_layer_config(*c.layer.json, c.rules);
  if (!config.why_not.empty()) throw NotCompiledError(config.why_not);
  const int input = c.input();
  const std::int64_t channels = config.layout == Layout::nhwc ? c.shape(input).back() : c.shape(input).front();
  if (config.groups != 1 && config.groups != channels) return lower_groups(c, config);
  const ConvProblem problem = conv_problem(config, c.keras_shape(input));
  std::vector<Values> arrays(weights_of(problem).size());
  if (c.has_weights())
    arrays = values_of(conv_weights(config, channels, c.arrays(conv_weight_shapes(config, channels).size())));
  return add_convolution(c, problem, std::move(arrays), input, c.add_output(config.layout));
}

/// A 1x1 convolution over the last axis.
int lower_dense(CallLowering& c) {
  const int input = c.input();
  const std::int64_t channels = c.shape(input).back(), units = c.output_shape.back();
  const Activation activation =
      activation_from_json(member(c.config(), "activation"), c.rules, c.what(), c.keras_rank(input));
  const bool bias = truthy_member(c.config(), "use_bias", true);
  Stage stage;
  stage.kind = StageKind::conv;
  stage.out_channels = static_cast<std::int32_t>(units);
  stage.epilogue = make_epilogue(bias, activation);
  std::vector<Values> weights(bias ? 2 : 1);
  const std::vector<KerasArray> arrays = c.arrays(weights.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const auto wanted = i == 0 ? std::vector<std::int64_t>{channels, units} : std::vector<std::int64_t>{units};
    if (arrays[i].shape != wanted) throw std::invalid_argument(c.what() + ": its weights do not fit its units");
    weights[i] = arrays[i].values;
  }
  return c.add_stage(input, Layout::nhwc, stage, std::move(weights));
}

}  // namespace

const Lowerings& convolution_lowerings() {
  static const Lowerings table = {
      {"Conv1D", lower_convolution},
      {"Conv2D", lower_convolution},
      {"DepthwiseConv1D", lower_convolution},
      {"DepthwiseConv2D", lower_convolution},
      {"SeparableConv1D", lower_convolution},
      {"SeparableConv2D", lower_convolution},
      {"Dense", lower_dense},
  };
  return table;
}

}  // namespace sepconv::keras
