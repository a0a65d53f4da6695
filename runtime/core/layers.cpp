#include "sepconv/layers.h"

#include <array>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "initializers.h"
#include "keras_config.h"
#include "view_checks.h"

namespace sepconv {

using detail::InputExtents;
using detail::KerasConvConfig;

/// A built layer: its weights, and a compiled convolution for each size of input that has been seen.
struct KerasConvLayer::State {
  State(std::shared_ptr<const KerasConvConfig> config_in, std::int64_t channels, ConvWeights weights,
        std::string forced_in)
      : State(std::move(config_in), channels, std::move(forced_in), [&](const KerasConvConfig& layer) {
          const InputExtents any{layer.rank == 1 ? 1 : kDynamic, kDynamic, channels};
          return ConvLayer(layer.name, detail::problem_for(layer, any), std::move(weights));
        }) {}
  /// The same weights under another restriction of the rows.
  State(const State& other, std::string forced_in)
      : State(other.config, other.IC, std::move(forced_in), [&](const KerasConvConfig&) { return other.base; }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (const std::atomic<Entry*>& bucket : buckets)
      for (Entry* entry = bucket.load(std::memory_order_relaxed); entry != nullptr;)
        delete std::exchange(entry, entry->next);
  }

  /// The convolution for that size, or nullptr if it has not been made. Without locks: entries are only ever added.
  const ConvLayer* find(std::int64_t H, std::int64_t W) const noexcept {
    for (const Entry* entry = bucket_of(H, W).load(std::memory_order_acquire); entry != nullptr; entry = entry->next)
      if (entry->H == H && entry->W == W) return &entry->layer;
    return nullptr;
  }

  /// The convolution for that size, made now if need be.
  /// @throws std::invalid_argument as ConvLayer::with_problem and force_row
  const ConvLayer& get(std::int64_t H, std::int64_t W) const {
    if (const ConvLayer* known = find(H, W)) return *known;
    const std::lock_guard lock(mutex);
    if (const ConvLayer* known = find(H, W)) return *known;
    ConvLayer layer = base.with_problem(detail::problem_for(*config, {H, W, IC}));
    if (!forced.empty()) layer.force_row(forced);
    std::atomic<Entry*>& bucket = bucket_of(H, W);
    auto* entry = new Entry{H, W, std::move(layer), bucket.load(std::memory_order_relaxed)};
    bucket.store(entry, std::memory_order_release);
    return entry->layer;
  }

  const std::shared_ptr<const KerasConvConfig> config;
  const std::int64_t IC;
  const std::string forced;
  const ConvLayer base;  // holds the weights; its extents are dynamic

 private:
  struct Entry {
    std::int64_t H, W;
    ConvLayer layer;
    Entry* next;
  };
  template <class MakeBase>
  State(std::shared_ptr<const KerasConvConfig> config_in, std::int64_t channels, std::string forced_in,
        MakeBase make_base)
      : config(std::move(config_in)), IC(channels), forced(std::move(forced_in)), base(make_base(*config)) {}

  std::atomic<Entry*>& bucket_of(std::int64_t H, std::int64_t W) const noexcept {
    return buckets[static_cast<std::size_t>(H * 31 + W) % buckets.size()];
  }
  mutable std::mutex mutex;
  mutable std::array<std::atomic<Entry*>, 64> buckets{};
};

namespace {

/// What ConvWeights calls Keras' weights, in their order.
std::vector<WeightArray*> keras_order(const KerasConvConfig& config, ConvWeights& weights) {
  std::vector<WeightArray*> order = {&weights.depthwise};
  if (config.separable) order.push_back(&weights.pointwise);
  if (config.use_bias) order.push_back(&weights.bias);
  return order;
}

[[noreturn]] void throw_not_built(const std::string& name) {
  throw std::invalid_argument("layer '" + name + "' is not built: call build(input_shape) first");
}

Shape shape_of_output(const KerasConvConfig& config, const InputExtents& in) {
  const std::int64_t C = detail::output_channels(config, in.C);
  const ConvProblem p = detail::problem_for(config, in);
  const std::int64_t H = detail::output_extent(config.padding, in.H, p.KH_eff(), p.stride_h);
  const std::int64_t W = detail::output_extent(config.padding, in.W, p.KW_eff(), p.stride_w);
  if (config.layout == Layout::nhwc) return config.rank == 1 ? Shape{W, C} : Shape{H, W, C};
  return config.rank == 1 ? Shape{C, W} : Shape{C, H, W};
}

/// Checks the shape as Keras' build does, and that "valid" leaves an output. Extents of 0 in, 0 out are fine for
/// "same".
InputExtents checked_extents(const KerasConvConfig& config, const Shape& input_shape) {
  const InputExtents in = detail::input_extents(config, input_shape);
  const ConvProblem p = detail::problem_for(config, in);
  const auto empty = [&](std::int64_t extent, std::int64_t window, std::int64_t stride) {
    return extent != kDynamic && config.padding == detail::Padding::valid &&
           detail::output_extent(config.padding, extent, window, stride) <= 0;
  };
  if (empty(in.H, p.KH_eff(), p.stride_h) || empty(in.W, p.KW_eff(), p.stride_w))
    throw std::invalid_argument(detail::empty_output_text(config, input_shape, in.C));
  return in;
}

void check_channels(const KerasConvConfig& config, const Shape& input_shape, std::int64_t got, std::int64_t wanted) {
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

KerasConvLayer::KerasConvLayer(KerasConvConfig config)
    : config_(std::make_shared<const KerasConvConfig>(std::move(config))) {}

const std::string& KerasConvLayer::name() const noexcept { return config_->name; }
bool KerasConvLayer::built() const noexcept { return state_ != nullptr; }

void KerasConvLayer::build(const Shape& input_shape) {
  const InputExtents in = checked_extents(*config_, input_shape);
  if (state_ != nullptr) return check_channels(*config_, input_shape, in.C, state_->IC);
  const InputExtents any{config_->rank == 1 ? 1 : kDynamic, kDynamic, in.C};
  validate(detail::problem_for(*config_, any));  // before memory for absurd sizes is asked for
  ConvWeights weights;
  const auto arrays = keras_order(*config_, weights);
  const std::vector<Shape> shapes = detail::keras_weight_shapes(*config_, in.C);
  std::vector<std::string> initializers = {config_->depthwise_initializer};
  if (config_->separable) initializers.push_back(config_->pointwise_initializer);
  if (config_->use_bias) initializers.push_back(config_->bias_initializer);
  for (std::size_t i = 0; i < arrays.size(); ++i)  // far apart, so that the streams of two weights do not meet
    *arrays[i] = detail::initial_weights(initializers[i], shapes[i], config_->seed + (i << 56));
  state_ = std::make_shared<const State>(config_, in.C, std::move(weights), forced_);
}

Shape KerasConvLayer::output_shape(const Shape& input_shape) const {
  const InputExtents in = checked_extents(*config_, input_shape);
  if (state_ != nullptr) check_channels(*config_, input_shape, in.C, state_->IC);
  return shape_of_output(*config_, in);
}

std::vector<Shape> KerasConvLayer::weight_shapes() const {
  if (state_ == nullptr) throw_not_built(name());
  return detail::keras_weight_shapes(*config_, state_->IC);
}

std::vector<std::vector<float>> KerasConvLayer::get_weights() const {
  if (state_ == nullptr) throw_not_built(name());
  ConvWeights weights = state_->base.weights();
  std::vector<std::vector<float>> list;
  for (const WeightArray* array : keras_order(*config_, weights)) list.push_back(array->to_floats());
  return list;
}

void KerasConvLayer::set_weights(std::vector<std::vector<float>> list) {
  const std::vector<Shape> shapes = weight_shapes();
  if (list.size() != shapes.size())
    throw std::invalid_argument("You called `set_weights(weights)` on layer '" + name() +
                                "' with a weight list of length " + std::to_string(list.size()) +
                                ", but the layer was expecting " + std::to_string(shapes.size()) + " weights.");
  ConvWeights weights;
  const auto arrays = keras_order(*config_, weights);
  for (std::size_t i = 0; i < list.size(); ++i) {
    std::int64_t wanted = 1;
    for (const std::int64_t extent : shapes[i]) wanted *= extent;
    if (static_cast<std::int64_t>(list[i].size()) != wanted)
      throw std::invalid_argument("Layer '" + name() + "' weight shape " + to_text(shapes[i]) +
                                  " is not compatible with provided weight " + std::to_string(i) + " of " +
                                  std::to_string(list[i].size()) + " elements.");
    *arrays[i] = std::move(list[i]);
  }
  state_ = std::make_shared<const State>(config_, state_->IC, std::move(weights), forced_);
}

Tensor KerasConvLayer::operator()(const ConstTensorView& input, const RunContext& context) {
  const Shape shape = image_shape(input);
  if (state_ == nullptr) build(shape);
  const InputExtents in = detail::input_extents(*config_, shape);
  check_channels(*config_, shape, in.C, state_->IC);
  Shape output = shape_of_output(*config_, in);
  for (const std::int64_t extent : output)
    if (extent < 0) throw std::invalid_argument(detail::empty_output_text(*config_, shape, in.C));
  output.insert(output.begin(), input.extents[0]);
  Tensor result(std::move(output), input.dtype);
  const Status status = run(context, input, result);
  if (status.ok()) return result;
  if (status.code() == StatusCode::no_kernel || status.code() == StatusCode::kernel_failed)
    throw std::runtime_error(status.message());
  throw std::invalid_argument(status.message());
}

Status KerasConvLayer::run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept {
  const KerasConvConfig& config = *config_;
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
    const Shape wanted = shape_of_output(config, detail::input_extents(config, image_shape(in)));
    bool empty = false;
    for (const std::int64_t extent : wanted) {
      if (extent < 0)
        return Status::error(StatusCode::invalid_shape, "%s",
                             detail::empty_output_text(config, image_shape(in), C).c_str());
      empty = empty || extent == 0;
    }
    if (empty) {
      if (image_shape(out) == wanted && in.extents[0] == out.extents[0]) return {};
      return Status::error(StatusCode::invalid_shape,
                           "layer '%s': the output has shape %s; expected %s behind the batch", name,
                           detail::ShapeText(out).text, to_text(wanted).c_str());
    }
    const ConvLayer* layer = nullptr;
    try {
      layer = &state_->get(H, W);
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
  return layer_for(input_shape).workspace_bytes(context);
}

void KerasConvLayer::force_row(std::string_view symbol_or_target) {
  forced_ = symbol_or_target;
  if (state_ != nullptr) state_ = std::make_shared<const State>(*state_, forced_);
}

SeparableConv1D::SeparableConv1D(const SeparableConvArgs& args) : KerasConvLayer(detail::separable_config(1, args)) {}
SeparableConv2D::SeparableConv2D(const SeparableConvArgs& args) : KerasConvLayer(detail::separable_config(2, args)) {}
DepthwiseConv1D::DepthwiseConv1D(const DepthwiseConvArgs& args) : KerasConvLayer(detail::depthwise_config(1, args)) {}
DepthwiseConv2D::DepthwiseConv2D(const DepthwiseConvArgs& args) : KerasConvLayer(detail::depthwise_config(2, args)) {}

}  // namespace sepconv
