// Layers that change each element by itself: normalisation with fixed statistics, activations, constants.

#include <algorithm>
#include <cmath>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/call_arguments.h"
#include "runtime/keras/chain.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/network_lowering.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

std::size_t channels_of(CallLowering& c, int tensor, Layout layout) {
  return static_cast<std::size_t>(image_extents(c.shape(tensor), layout).C);
}

/// y = scale * x + shift for each channel. Empty values are not known; a step that does nothing is left out.
int apply_affine(CallLowering& c, int input, Layout layout, Values scale, Values shift) {
  const auto all = [](const Values& values, double value) {
    return !values.empty() && std::all_of(values.begin(), values.end(), [&](double v) { return v == value; });
  };
  Epilogue epilogue;
  std::vector<Values> arrays;
  if (!all(scale, 1)) add_constant_step(EpilogueKind::scale, std::move(scale), epilogue, arrays);
  if (!all(shift, 0)) add_constant_step(EpilogueKind::bias, std::move(shift), epilogue, arrays);
  return c.apply(input, layout, epilogue, std::move(arrays));
}

int lower_batch_normalization(CallLowering& c) {
  const int input = c.input();
  const Layout layout = layout_with_channels(member(c.config(), "axis"), c.keras_rank(input), "normalization");
  if (truthy_member(c.config(), "renorm", false)) throw NotCompiledError("renorm is not compiled");
  Affine affine;
  if (c.has_weights())
    affine = batch_norm_affine(c.config(), c.arrays(batch_norm_weight_count(c.config())),
                               static_cast<std::int64_t>(channels_of(c, input, layout)), c.what());
  else
    number_member(c.config(), "epsilon", 0, c.what());
  return apply_affine(c, input, layout, std::move(affine.scale), std::move(affine.shift));
}

int lower_activation(CallLowering& c) {
  const int input = c.input();
  const Activation activation =
      activation_of_layer(c.layer.class_name, c.config(), c.rules, c.what(), c.keras_rank(input));
  return c.apply(input, activation);
}

/// One slope for each channel: all other axes are shared.
int lower_prelu(CallLowering& c) {
  const int input = c.input();
  const std::vector<std::int64_t>& shape = c.shape(input);
  std::vector<std::int64_t> alpha = shape;
  const json& shared = member(c.config(), "shared_axes");
  if (shared.is_array())
    for (const json& axis : shared)
      if (axis.is_number_integer() && axis >= 1 && axis <= static_cast<int>(shape.size()))
        alpha[axis.get<std::size_t>() - 1] = 1;
  const auto others_shared = [&](std::size_t channels) {
    for (std::size_t i = 0; i < alpha.size(); ++i)
      if (i != channels && alpha[i] != 1) return false;
    return alpha[channels] == shape[channels];
  };
  const bool last = others_shared(shape.size() - 1);
  if (!last && !(others_shared(0) && shape.size() <= 3))
    throw NotCompiledError("a PReLU with a slope for each pixel is not compiled: only one for each channel");
  const std::vector<KerasArray> arrays = c.arrays(1);
  if (!arrays.empty() && arrays[0].shape != alpha)
    throw std::invalid_argument(c.what() + ": its weight does not fit its shared_axes");
  return c.apply(input, last ? Layout::nhwc : Layout::nchw, EpilogueKind::prelu,
                 arrays.empty() ? Values{} : arrays[0].values);
}

/// A number, or one for each channel, of a configuration.
Values channel_constants(const json& value, std::size_t channels, const char* key) {
  Values numbers;
  append_numbers(value, numbers, "a constant that is no number is not compiled");
  if (numbers.size() == 1) numbers.resize(channels, numbers.front());
  if (numbers.size() != channels)
    throw NotCompiledError(std::string("its ") + key + " has " + std::to_string(numbers.size()) +
                           " numbers: expected one, or one for each channel");
  return numbers;
}

int lower_rescaling(CallLowering& c) {
  const int input = c.input();
  const Layout layout = Layout::nhwc;  // lists of numbers are along the last axis
  const std::size_t channels = channels_of(c, input, layout);
  const json& scale = member(c.config(), "scale");
  const json& offset = member(c.config(), "offset");
  return apply_affine(c, input, layout, channel_constants(scale.is_null() ? json(1) : scale, channels, "scale"),
                      channel_constants(offset.is_null() ? json(0) : offset, channels, "offset"));
}

/// (x - mean) / max(sqrt(variance), epsilon), or its inverse.
int lower_normalization(CallLowering& c) {
  const int input = c.input();
  const json& axis = member(c.config(), "axis");
  const bool has_axis = !axis.is_null() && !(axis.is_array() && axis.empty());
  const Layout layout = has_axis ? layout_with_channels(axis, c.keras_rank(input), "normalization") : Layout::nhwc;
  const std::size_t channels = channels_of(c, input, layout);
  Values mean, variance;
  if (!member(c.config(), "mean").is_null()) {
    mean = channel_constants(member(c.config(), "mean"), channels, "mean");
    variance = channel_constants(member(c.config(), "variance"), channels, "variance");
  } else if (const std::vector<KerasArray> arrays = c.arrays(3, 2); !arrays.empty()) {
    mean = channel_constants(arrays[0].values, channels, "mean");
    variance = channel_constants(arrays[1].values, channels, "variance");
  }
  constexpr double kEpsilon = 1e-7;  // keras.backend.epsilon()
  const bool invert = truthy_member(c.config(), "invert", false);
  Values scale, shift;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    const double deviation = std::max(std::sqrt(variance[i]), kEpsilon);
    scale.push_back(invert ? deviation : 1 / deviation);
    shift.push_back(invert ? mean[i] : -mean[i] / deviation);
  }
  return apply_affine(c, input, layout, std::move(scale), std::move(shift));
}

/// keras.applications' ConvNeXt.
int lower_layer_scale(CallLowering& c) {
  const int input = c.input();
  const std::vector<KerasArray> arrays = c.arrays(1);
  if (!arrays.empty() && arrays[0].values.size() != channels_of(c, input, Layout::nhwc))
    throw std::invalid_argument(c.what() + ": its weight does not fit its input");
  return c.apply(input, Layout::nhwc, EpilogueKind::scale, arrays.empty() ? Values{} : arrays[0].values);
}

/// The mean and variance of each pixel's channels, then constants for each channel.
int lower_layer_normalization(CallLowering& c) {
  const int input = c.input();
  if (layout_with_channels(member(c.config(), "axis"), c.keras_rank(input), "normalization") != Layout::nhwc)
    throw NotCompiledError("normalization of each pixel is compiled along the last axis only");
  if (truthy_member(c.config(), "rms_scaling", false)) throw NotCompiledError("rms_scaling is not compiled");
  Stage stage;
  stage.kind = StageKind::norm;
  stage.epsilon = number_member(c.config(), "epsilon", 1e-3, c.what());
  std::vector<Values> constants;
  if (truthy_member(c.config(), "scale", true)) add_constant_step(EpilogueKind::scale, {}, stage.epilogue, constants);
  if (truthy_member(c.config(), "center", true)) add_constant_step(EpilogueKind::bias, {}, stage.epilogue, constants);
  const std::vector<KerasArray> arrays = c.arrays(constants.size());
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (arrays[i].values.size() != channels_of(c, input, Layout::nhwc))
      throw std::invalid_argument(c.what() + ": its weights do not fit its input");
    constants[i] = arrays[i].values;
  }
  return c.add_stage(input, Layout::nhwc, stage, std::move(constants));
}

}  // namespace

const Lowerings& elementwise_lowerings() {
  static const Lowerings table = [] {
    Lowerings lowerings = {
        {"PReLU", lower_prelu},
        {"Rescaling", lower_rescaling},
        {"Normalization", lower_normalization},
        {"LayerScale", lower_layer_scale},
        {"LayerNormalization", lower_layer_normalization},
    };
    for (const char* name :
         {"BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"})
      lowerings[name] = lower_batch_normalization;
    for (const char* name : {"Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "ThresholdedReLU"})
      lowerings[name] = lower_activation;
    return lowerings;
  }();
  return table;
}

}  // namespace sepconv::keras
