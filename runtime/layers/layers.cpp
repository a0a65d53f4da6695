#include "sepconv/layers.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "runtime/layers/layer_state.h"

namespace sepconv {

using detail::check_channels;
using detail::checked_extents;
using detail::InputExtents;
using detail::throw_not_built;
using detail::to_array;

namespace detail {

/// Values of a variable of that type.
WeightArray to_array(std::vector<double> values, DataType dtype) {
  for (double& value : values) value = round_to(dtype, value);
  return WeightArray(values, dtype);
}

[[noreturn]] void throw_not_built(const std::string& name) {
  throw std::invalid_argument("layer '" + name + "' is not built: call build(input_shape) first");
}

void check_channels(const LayerConfig& config, const Shape& input_shape, std::int64_t got, std::int64_t wanted) {
  if (got == wanted) return;
  Shape full = {kDynamic};
  full.insert(full.end(), input_shape.begin(), input_shape.end());
  throw std::invalid_argument("Input 0 of layer '" + config.name + "' is incompatible with the layer: expected axis " +
                              (config.layout == Layout::nhwc ? "-1" : "1") + " of input shape to have value " +
                              std::to_string(wanted) + ", but received input with shape " + to_text(full));
}

}  // namespace detail

KerasConvLayer::KerasConvLayer(LayerConfig config) : config_(std::make_shared<const LayerConfig>(std::move(config))) {
  detail::validate(*config_);
}

KerasConvLayer make_layer(LayerConfig config) { return KerasConvLayer(std::move(config)); }

const LayerConfig& KerasConvLayer::config() const noexcept { return *config_; }
const std::string& KerasConvLayer::name() const noexcept { return config_->name; }
bool KerasConvLayer::built() const noexcept { return state_ != nullptr; }
DataType KerasConvLayer::variable_dtype() const noexcept { return config_->dtype.variable_dtype(); }
DataType KerasConvLayer::compute_dtype() const noexcept { return config_->dtype.compute_dtype(); }
const std::optional<Shape>& KerasConvLayer::build_shape() const noexcept { return build_shape_; }
bool KerasConvLayer::trainable() const noexcept { return config_->trainable; }

void KerasConvLayer::build(const Shape& input_shape) {
  const InputExtents in = checked_extents(*config_, input_shape);
  if (state_ != nullptr) return check_channels(*config_, input_shape, in.C, state_->IC);
  const InputExtents any{config_->rank == 1 ? 1 : kDynamic, kDynamic, in.C};
  validate(detail::problem_for(*config_, any));  // before memory for absurd sizes is asked for
  const std::vector<Shape> shapes = detail::keras_weight_shapes(*config_, in.C);
  std::vector<std::optional<Initializer>> initializers = {config_->depthwise_initializer};
  if (config_->separable()) initializers.push_back(config_->pointwise_initializer);
  if (config_->use_bias) initializers.push_back(config_->bias_initializer);
  ConvWeights weights;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Initializer initializer = initializers[i].value_or(Initializer::Kind::glorot_uniform);
    // The seeds are far apart, so that the streams of two weights do not meet.
    weights.arrays.push_back(
        to_array(initial_values(initializer, shapes[i], config_->seed + (i << 56)), variable_dtype()));
  }
  state_ = std::make_shared<const State>(config_, in.C, std::move(weights), forced_);
  build_shape_ = input_shape;
  if (config_->weights.empty()) return;
  try {
    set_weights(config_->weights);
  } catch (...) {
    state_ = nullptr;
    build_shape_.reset();
    throw;
  }
}

void KerasConvLayer::build() {
  if (!config_->input_shape)
    throw std::invalid_argument("layer '" + name() +
                                "': build() needs the argument `input_shape`, which was not given");
  build(*config_->input_shape);
}

Shape KerasConvLayer::output_shape(const Shape& input_shape) const {
  const InputExtents in = checked_extents(*config_, input_shape);
  if (state_ != nullptr) check_channels(*config_, input_shape, in.C, state_->IC);
  return detail::output_shape(*config_, in);
}

const ConvLayer& KerasConvLayer::layer_for(const Shape& input_shape) const {
  if (state_ == nullptr) throw_not_built(name());
  const InputExtents in = checked_extents(*config_, input_shape);
  check_channels(*config_, input_shape, in.C, state_->IC);
  return state_->get(in.H, in.W);
}

std::size_t KerasConvLayer::workspace_bytes(const Shape& input_shape, const RunContext& context) const {
  if (state_ == nullptr) throw_not_built(name());
  const InputExtents in = checked_extents(*config_, input_shape);
  check_channels(*config_, input_shape, in.C, state_->IC);
  return state_->get_or_make(in.H, in.W).workspace_bytes(context);
}

void KerasConvLayer::force_kernel(std::string_view symbol_or_target) {
  forced_ = symbol_or_target;
  if (state_ != nullptr) state_ = std::make_shared<const State>(*state_, forced_);
}

SeparableConv1D::SeparableConv1D(const SeparableConvArgs& args) : KerasConvLayer(separable_layer_config(1, args)) {}
SeparableConv2D::SeparableConv2D(const SeparableConvArgs& args) : KerasConvLayer(separable_layer_config(2, args)) {}
DepthwiseConv1D::DepthwiseConv1D(const DepthwiseConvArgs& args) : KerasConvLayer(depthwise_layer_config(1, args)) {}
DepthwiseConv2D::DepthwiseConv2D(const DepthwiseConvArgs& args) : KerasConvLayer(depthwise_layer_config(2, args)) {}

}  // namespace sepconv
