#pragma once
// What a built Keras layer holds, and the helpers that its parts share.

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/core/fork_guard.h"
#include "runtime/layers/layer_problem.h"
#include "runtime/layers/size_table.h"
#include "sepconv/layers.h"

namespace sepconv {

/// A built layer: its weights, and a compiled convolution for each size of input that has been seen.
struct KerasConvLayer::State {
  State(std::shared_ptr<const LayerConfig> config_in, std::int64_t channels, ConvWeights weights, std::string forced_in)
      : State(std::move(config_in), channels, std::move(forced_in), [&](const LayerConfig& layer) {
          const detail::InputExtents any{layer.rank == 1 ? 1 : kDynamic, kDynamic, channels};
          return ConvLayer(layer.name, detail::problem_for(layer, any), std::move(weights));
        }) {}
  /// The same weights under another restriction of the kernels.
  State(const State& other, std::string forced_in)
      : State(other.config, other.IC, std::move(forced_in), [&](const LayerConfig&) { return other.base; }) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  /// The convolution for that size, or nullptr if it is not kept. Without locks.
  const ConvLayer* find(std::int64_t H, std::int64_t W) const noexcept { return sizes.find(H, W); }

  /// The convolution for that size, made and kept now if need be.
  /// @throws std::invalid_argument as ConvLayer::with_problem and force_kernel
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
    if (!forced.empty()) layer.force_kernel(forced);
    return layer;
  }

  mutable std::mutex mutex;
  mutable detail::SizeTable sizes;  // mutex guards additions
};

namespace detail {

/// Those that the layer has, in Keras' order.
template <class T>
std::vector<T*> in_keras_order(const LayerConfig& config, T& depthwise, T& pointwise, T& bias) {
  std::vector<T*> order = {&depthwise};
  if (config.separable()) order.push_back(&pointwise);
  if (config.use_bias) order.push_back(&bias);
  return order;
}

/// Values of a variable of that type.
WeightArray to_array(std::vector<double> values, DataType dtype);

/// The activity penalty of a call's output, divided by its batch (tf.keras, Keras 3.14 and later). NaN for a batch of
/// 0.
double activity_penalty(const LayerConfig& config, const ConstTensorView& output);

[[noreturn]] void throw_not_built(const std::string& name);

/// @throws std::invalid_argument in Keras' words where an input has other channels than the layer
void check_channels(const LayerConfig& config, const Shape& input_shape, std::int64_t got, std::int64_t wanted);

/// A view's shape without its batch.
Shape image_shape(const ConstTensorView& view);

}  // namespace detail
}  // namespace sepconv
