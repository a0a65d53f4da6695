#include "sepconv/layers.h"

#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "../core/fork_guard.h"
#include "../core/view_checks.h"
#include "keras_config.h"
#include "size_table.h"

namespace sepconv {

using detail::checked_extents;
using detail::InputExtents;

/// A built layer: its weights, and a compiled convolution for each size of input that has been seen.
struct KerasConvLayer::State {
  State(std::shared_ptr<const LayerConfig> config_in, std::int64_t channels, ConvWeights weights, std::string forced_in)
      : State(std::move(config_in), channels, std::move(forced_in), [&](const LayerConfig& layer) {
          const InputExtents any{layer.rank == 1 ? 1 : kDynamic, kDynamic, channels};
          return ConvLayer(layer.name, detail::problem_for(layer, any), std::move(weights));
        }) {}
  /// The same weights under another restriction of the rows.
  State(const State& other, std::string forced_in)
      : State(other.config, other.IC, std::move(forced_in), [&](const LayerConfig&) { return other.base; }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The convolution for that size, or nullptr if it is not kept. Without locks.
  const ConvLayer* find(std::int64_t H, std::int64_t W) const noexcept { return sizes.find(H, W); }

  /// The convolution for that size, made and kept now if need be.
  /// @throws std::invalid_argument as ConvLayer::with_problem and force_row
  const ConvLayer& get(std::int64_t H, std::int64_t W) const {
    if (const ConvLayer* known = find(H, W)) return *known;
    const detail::ForkSafeLock lock(mutex);
    if (const ConvLayer* known = find(H, W)) return *known;
    return sizes.add(H, W, make(H, W));
  }

  /// The convolution for that size, kept only while there are few: inputs of ever new lengths take no ever new memory.
  /// @throws std::invalid_argument as get()
  ConvLayer get_or_make(std::int64_t H, std::int64_t W) const {
    constexpr std::size_t kMostKept = 4096;
    {
      const detail::ForkSafeLock lock(mutex);
      if (const ConvLayer* known = find(H, W)) return *known;
      if (sizes.size() < kMostKept) return sizes.add(H, W, make(H, W));
    }
    return make(H, W);
  }

  const std::shared_ptr<const LayerConfig> config;
  const std::int64_t IC;
  const std::string forced;
  const ConvLayer base;  // holds the weights; its extents are dynamic

 private:
  template <class MakeBase>
  State(std::shared_ptr<const LayerConfig> config_in, std::int64_t channels, std::string forced_in, MakeBase make_base)
      : config(std::move(config_in)), IC(channels), forced(std::move(forced_in)), base(make_base(*config)) {}

  ConvLayer make(std::int64_t H, std::int64_t W) const {
    ConvLayer layer = base.with_problem(detail::problem_for(*config, {H, W, IC}));
    if (!forced.empty()) layer.force_row(forced);
    return layer;
  }

  mutable std::mutex mutex;
  mutable detail::SizeTable sizes;  // mutex guards additions
};

namespace {

/// Those that the layer has, in Keras' order.
template <class T>
std::vector<T*> in_keras_order(const LayerConfig& config, T& depthwise, T& pointwise, T& bias) {
  std::vector<T*> order = {&depthwise};
  if (config.separable) order.push_back(&pointwise);
  if (config.use_bias) order.push_back(&bias);
  return order;
}
template <class Weights>
auto keras_order(const LayerConfig& config, Weights& weights) {
  return in_keras_order(config, weights.depthwise, weights.pointwise, weights.bias);
}

/// Values of a variable of that type.
WeightArray to_array(std::vector<double> values, DataType dtype) {
  for (double& value : values) value = round_to(dtype, value);
  return WeightArray(values, dtype);
}

std::int64_t elements_of(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

void check_count(const std::string& name, std::size_t got, std::size_t wanted) {
  if (got != wanted)
    throw std::invalid_argument("You called `set_weights(weights)` on layer '" + name +
                                "' with a weight list of length " + std::to_string(got) +
                                ", but the layer was expecting " + std::to_string(wanted) + " weights.");
}

/// Of the output of a call, divided by its batch (tf.keras, and Keras 3.14 and later). NaN for a batch of 0, as Keras.
double activity_penalty(const LayerConfig& config, const ConstTensorView& output) {
  const double batch = output.rank == 0 ? 1 : static_cast<double>(output.extents[0]);
  return penalty(config.activity_regularizer, output) / batch;
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

/// A view's shape without its batch.
Shape image_shape(const ConstTensorView& view) {
  if (view.rank < 1 || view.rank > kMaxRank) return {};
  return Shape(view.extents.begin() + 1, view.extents.begin() + view.rank);
}

}  // namespace

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
  if (config_->separable) initializers.push_back(config_->pointwise_initializer);
  if (config_->use_bias) initializers.push_back(config_->bias_initializer);
  ConvWeights weights;
  const auto arrays = keras_order(*config_, weights);
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const Initializer initializer = initializers[i].value_or(Initializer::Kind::glorot_uniform);
    // The seeds are far apart, so that the streams of two weights do not meet.
    *arrays[i] = to_array(initial_values(initializer, shapes[i], config_->seed + (i << 56)), variable_dtype());
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

std::vector<std::string> KerasConvLayer::weight_names() const {
  const bool short_name = !config_->separable && config_->rules == KerasRules::keras_3;
  std::vector<std::string> names = {short_name ? "kernel" : "depthwise_kernel"};
  if (config_->separable) names.emplace_back("pointwise_kernel");
  if (config_->use_bias) names.emplace_back("bias");
  return names;
}

std::vector<Shape> KerasConvLayer::weight_shapes() const {
  if (state_ == nullptr) throw_not_built(name());
  return detail::keras_weight_shapes(*config_, state_->IC);
}

std::vector<Tensor> KerasConvLayer::get_weights() const {
  const std::vector<Shape> shapes = weight_shapes();
  const auto arrays = keras_order(*config_, state_->base.weights());
  std::vector<Tensor> weights;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    weights.push_back(make_tensor(arrays[i]->to_doubles(), shapes[i], variable_dtype()));
  return weights;
}

std::vector<Tensor> KerasConvLayer::trainable_weights() const {
  std::vector<Tensor> weights = get_weights();
  return trainable() ? std::move(weights) : std::vector<Tensor>();
}

std::vector<Tensor> KerasConvLayer::non_trainable_weights() const {
  std::vector<Tensor> weights = get_weights();
  return trainable() ? std::vector<Tensor>() : std::move(weights);
}

void KerasConvLayer::set_weights(const std::vector<Tensor>& weights) {
  const std::vector<Shape> shapes = weight_shapes();
  check_count(name(), weights.size(), shapes.size());
  std::vector<WeightArray> arrays;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i].shape() != shapes[i])
      throw std::invalid_argument("Layer '" + name() + "' weight shape " + to_text(shapes[i]) +
                                  " is not compatible with provided weight " + std::to_string(i) + " of shape " +
                                  to_text(weights[i].shape()) + ".");
    if (!is_floating_point(weights[i].dtype()))
      throw std::invalid_argument("Layer '" + name() + "' weight " + std::to_string(i) + " has elements of " +
                                  keras_name(weights[i].dtype()) + "; expected a floating point type");
    arrays.push_back(to_array(to_doubles(weights[i]), variable_dtype()));
  }
  replace_weights(std::move(arrays));
}

void KerasConvLayer::set_weights(const std::vector<std::vector<float>>& weights) {
  const std::vector<Shape> shapes = weight_shapes();
  check_count(name(), weights.size(), shapes.size());
  std::vector<WeightArray> arrays;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (static_cast<std::int64_t>(weights[i].size()) != elements_of(shapes[i]))
      throw std::invalid_argument("Layer '" + name() + "' weight shape " + to_text(shapes[i]) +
                                  " is not compatible with provided weight " + std::to_string(i) + " of " +
                                  std::to_string(weights[i].size()) + " elements.");
    arrays.push_back(to_array(std::vector<double>(weights[i].begin(), weights[i].end()), variable_dtype()));
  }
  replace_weights(std::move(arrays));
}

void KerasConvLayer::replace_weights(std::vector<WeightArray> arrays) {
  ConvWeights weights;
  const auto order = keras_order(*config_, weights);
  for (std::size_t i = 0; i < order.size(); ++i) *order[i] = std::move(arrays[i]);
  state_ = std::make_shared<const State>(config_, state_->IC, std::move(weights), forced_);
}

std::int64_t KerasConvLayer::count_params() const {
  std::int64_t count = 0;
  for (const Shape& shape : weight_shapes()) count += elements_of(shape);
  return count;
}

void KerasConvLayer::set_trainable(bool trainable) {
  auto config = std::make_shared<LayerConfig>(*config_);
  config->trainable = trainable;
  config_ = std::move(config);
}

std::vector<double> KerasConvLayer::losses() const {
  std::vector<double> losses;
  if (activity_loss_) losses.push_back(*activity_loss_);
  append_weight_losses(losses);
  return losses;
}

std::vector<double> KerasConvLayer::losses(const ConstTensorView& output) const {
  std::vector<double> losses;
  if (config_->activity_regularizer.given()) losses.push_back(activity_penalty(*config_, output));
  append_weight_losses(losses);
  return losses;
}

void KerasConvLayer::append_weight_losses(std::vector<double>& losses) const {
  if (state_ == nullptr || (!trainable() && config_->rules == KerasRules::keras_3)) return;
  const std::vector<Tensor> weights = get_weights();
  const auto regularizers = in_keras_order(*config_, config_->depthwise_regularizer, config_->pointwise_regularizer,
                                           config_->bias_regularizer);
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (regularizers[i]->given()) losses.push_back(penalty(*regularizers[i], weights[i]));
}

void KerasConvLayer::apply_constraints() {
  const std::vector<Shape> shapes = weight_shapes();
  if (!trainable()) return;
  const auto constraints =
      in_keras_order(*config_, config_->depthwise_constraint, config_->pointwise_constraint, config_->bias_constraint);
  const auto current = keras_order(*config_, state_->base.weights());
  std::vector<WeightArray> arrays;
  bool any = false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    any = any || constraints[i]->given();
    arrays.push_back(constraints[i]->given()
                         ? to_array(constrained(*constraints[i], current[i]->to_doubles(), shapes[i]), variable_dtype())
                         : *current[i]);
  }
  if (any) replace_weights(std::move(arrays));
}

Tensor KerasConvLayer::operator()(const ConstTensorView& input, const RunContext& context) {
  if (!is_floating_point(input.dtype))
    throw std::invalid_argument("layer '" + name() + "': the input's dtype: " + keras_name(input.dtype) +
                                " is not in the list of allowed values: float16, bfloat16, float32, float64; integers "
                                "are never cast");
  const bool other_type = input.dtype != compute_dtype();
  if (other_type && !config_->autocast)
    throw std::invalid_argument("layer '" + name() + "': the input's dtype is " + keras_name(input.dtype) +
                                "; expected " + keras_name(compute_dtype()) + ", because autocast is off");
  const Shape shape = image_shape(input);
  if (state_ == nullptr) build(shape);
  const InputExtents in = detail::input_extents(*config_, shape);
  check_channels(*config_, shape, in.C, state_->IC);
  Shape output = detail::output_shape(*config_, in);
  for (const std::int64_t extent : output)
    if (extent < 0) throw std::invalid_argument(detail::empty_output_text(*config_, shape, in));
  output.insert(output.begin(), input.extents[0]);
  Tensor result(std::move(output), compute_dtype());
  Status status;
  if (result.elements() != 0) {
    const Tensor converted = other_type ? cast(input, compute_dtype()) : Tensor();
    status = run(context, other_type ? converted.view() : input, result);
  }
  if (status.ok()) {
    if (config_->activity_regularizer.given()) activity_loss_ = activity_penalty(*config_, result);
    return result;
  }
  if (status.code() == StatusCode::no_kernel || status.code() == StatusCode::kernel_failed)
    throw std::runtime_error(status.message());
  throw std::invalid_argument(status.message());
}

Status KerasConvLayer::run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept {
  const LayerConfig& config = *config_;
  const char* name = config.name.c_str();
  if (state_ == nullptr)
    return Status::error(StatusCode::not_built, "layer '%s' is not built: call build(input_shape) first", name);
  for (const ConstTensorView& view : {in, static_cast<ConstTensorView>(out)})
    if (view.rank != config.rank + 2)
      return Status::error(StatusCode::invalid_shape, "layer '%s': expected tensors of rank %d, received rank %d", name,
                           config.rank + 2, view.rank);
  const bool channels_last = config.layout == Layout::nhwc;
  const int first = channels_last ? 1 : 2;
  const std::int64_t C = in.extents[channels_last ? config.rank + 1 : 1];
  const std::int64_t H = config.rank == 1 ? 1 : in.extents[first];
  const std::int64_t W = in.extents[first + config.rank - 1];
  if (C != state_->IC)
    return Status::error(StatusCode::invalid_shape,
                         "Input 0 of layer '%s' is incompatible with the layer: expected axis %d of input shape to "
                         "have value %lld, but received input with shape %s",
                         name, channels_last ? -1 : 1, static_cast<long long>(state_->IC), detail::ShapeText(in).text);
  if (const ConvLayer* layer = state_->find(H, W)) return layer->run(context, in, out);
  try {
    const Shape wanted = detail::output_shape(config, detail::input_extents(config, image_shape(in)));
    bool empty = false;
    for (const std::int64_t extent : wanted) {
      if (extent < 0)
        return Status::error(StatusCode::invalid_shape, "%s",
                             detail::empty_output_text(config, image_shape(in), {H, W, C}).c_str());
      empty = empty || extent == 0;
    }
    if (empty) {
      if (image_shape(out) == wanted && in.extents[0] == out.extents[0]) return {};
      return Status::error(StatusCode::invalid_shape,
                           "layer '%s': the output has shape %s; expected %s behind the batch", name,
                           detail::ShapeText(out).text, to_text(wanted).c_str());
    }
    std::optional<ConvLayer> layer;
    try {
      layer = state_->get_or_make(H, W);
    } catch (const std::invalid_argument& error) {
      return Status::error(state_->forced.empty() ? StatusCode::invalid_shape : StatusCode::no_kernel, "%s",
                           error.what());
    }
    return layer->run(context, in, out);
  } catch (const std::invalid_argument& error) {
    return Status::error(StatusCode::invalid_shape, "%s", error.what());
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "layer '%s': %s", name, error.what());
  }
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

void KerasConvLayer::force_row(std::string_view symbol_or_target) {
  forced_ = symbol_or_target;
  if (state_ != nullptr) state_ = std::make_shared<const State>(*state_, forced_);
}

SeparableConv1D::SeparableConv1D(const SeparableConvArgs& args) : KerasConvLayer(separable_layer_config(1, args)) {}
SeparableConv2D::SeparableConv2D(const SeparableConvArgs& args) : KerasConvLayer(separable_layer_config(2, args)) {}
DepthwiseConv1D::DepthwiseConv1D(const DepthwiseConvArgs& args) : KerasConvLayer(depthwise_layer_config(1, args)) {}
DepthwiseConv2D::DepthwiseConv2D(const DepthwiseConvArgs& args) : KerasConvLayer(depthwise_layer_config(2, args)) {}

}  // namespace sepconv
