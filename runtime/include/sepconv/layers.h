#pragma once
// The Keras layers: SeparableConv1D, SeparableConv2D, DepthwiseConv1D and DepthwiseConv2D over compiled kernels.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/context.h"
#include "sepconv/layer.h"
#include "sepconv/layer_args.h"
#include "sepconv/status.h"
#include "sepconv/tensor.h"

namespace sepconv {

namespace detail {
struct KerasConvConfig;
}

/// What the four layers share. Shapes without a batch are {L, C} or {H, W, C}, or with channels_first {C, L} or
/// {C, H, W}. Copies share what has been built so far. Const members may be called from several threads at once.
class KerasConvLayer {
 public:
  const std::string& name() const noexcept;
  bool built() const noexcept;

  /// Creates the weights by the initializers; does nothing if the layer is built for as many channels.
  /// @param input_shape without the batch; extents other than the channels may be kDynamic.
  /// @throws std::invalid_argument with Keras' wording: wrong rank, unknown channels, other channels than before, or
  /// a "valid" output that would be empty.
  void build(const Shape& input_shape);

  /// Shape of the output, without the batch; kDynamic where the input's extent is.
  /// @throws std::invalid_argument as build()
  Shape output_shape(const Shape& input_shape) const;

  /// Keras' shapes of the weights, in Keras' order: depthwise kernel, pointwise kernel (separable), bias (use_bias).
  /// @throws std::invalid_argument if not built
  std::vector<Shape> weight_shapes() const;
  /// The weights in that order, row-major.
  std::vector<std::vector<float>> get_weights() const;
  /// @throws std::invalid_argument if not built, or naming the weight whose number of elements is wrong.
  void set_weights(std::vector<std::vector<float>> weights);

  /// Builds if need be, allocates the output and runs.
  /// @throws std::invalid_argument for an input that does not fit; std::runtime_error if no kernel serves or it fails.
  Tensor operator()(const ConstTensorView& input, const RunContext& context = {});

  /// Computes `out`, of output_shape() behind the same batch, from `in`. As ConvLayer::run. The first call with new
  /// extents prepares a kernel for them, and so does workspace_bytes(); later ones find it without a lock.
  Status run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept;

  /// Bytes of workspace that run() needs for inputs of that shape (without the batch).
  /// @throws std::invalid_argument if not built or if there is no kernel.
  std::size_t workspace_bytes(const Shape& input_shape, const RunContext& context = {}) const;

  /// The compiled convolution that serves inputs of that shape: its problem, kernel() and why_not().
  /// @throws std::invalid_argument if not built, or if the shape does not fit or has an empty output.
  const ConvLayer& layer_for(const Shape& input_shape) const;

  /// As ConvLayer::force_row, for all extents; checked when a kernel is needed.
  void force_row(std::string_view symbol_or_target);

 protected:
  explicit KerasConvLayer(detail::KerasConvConfig config);

 private:
  struct State;
  std::shared_ptr<const detail::KerasConvConfig> config_;
  std::shared_ptr<const State> state_;  // null until built
  std::string forced_;
};

/// Depthwise convolution of each step's neighbourhood, then a 1x1 convolution. {N, L, C} -> {N, OL, filters}.
class SeparableConv1D : public KerasConvLayer {
 public:
  /// @throws std::invalid_argument naming the argument, its value and what is allowed.
  explicit SeparableConv1D(const SeparableConvArgs& args);
};

/// {N, H, W, C} -> {N, OH, OW, filters}
class SeparableConv2D : public KerasConvLayer {
 public:
  /// @throws std::invalid_argument naming the argument, its value and what is allowed.
  explicit SeparableConv2D(const SeparableConvArgs& args);
};

/// {N, L, C} -> {N, OL, C * depth_multiplier}
class DepthwiseConv1D : public KerasConvLayer {
 public:
  /// @throws std::invalid_argument naming the argument, its value and what is allowed.
  explicit DepthwiseConv1D(const DepthwiseConvArgs& args);
};

/// {N, H, W, C} -> {N, OH, OW, C * depth_multiplier}
class DepthwiseConv2D : public KerasConvLayer {
 public:
  /// @throws std::invalid_argument naming the argument, its value and what is allowed.
  explicit DepthwiseConv2D(const DepthwiseConvArgs& args);
};

}  // namespace sepconv
