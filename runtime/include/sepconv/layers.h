#pragma once
// The Keras layers: SeparableConv1D, SeparableConv2D, DepthwiseConv1D and DepthwiseConv2D over compiled kernels.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/detail/context.h"
#include "sepconv/detail/layer_args.h"
#include "sepconv/detail/layer_config.h"
#include "sepconv/detail/status.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"

namespace sepconv {

/// Common base of the four layers. Shapes without a batch are {L, C} or {H, W, C}, or with channels_first {C, L} or
/// {C, H, W}. Copies share what has been built so far. Const members may be called from several threads at once.
class KerasConvLayer {
 public:
  /// A layer of the class that the configuration names.
  /// @throws std::invalid_argument if the configuration is inconsistent (an unknown class, a size below 1)
  explicit KerasConvLayer(LayerConfig config);
  // A move copies, so a moved-from layer can still be called.
  KerasConvLayer(const KerasConvLayer&) = default;
  KerasConvLayer& operator=(const KerasConvLayer&) = default;

  const LayerConfig& config() const noexcept;
  const std::string& name() const noexcept;
  bool built() const noexcept;
  DataType variable_dtype() const noexcept;
  /// The type of outputs, to which inputs are cast.
  DataType compute_dtype() const noexcept;

  /// Creates the weights with the initializers. Does nothing if the layer is already built for this number of channels.
  /// @param input_shape without the batch; extents other than the channels may be kDynamic.
  /// @throws std::invalid_argument with Keras' wording: wrong rank, unknown channels, other channels than before, a
  /// "valid" output that would be empty (tf.keras 2: of negative extent), or an argument that Keras refuses here.
  void build(const Shape& input_shape);
  /// Builds with the constructor argument `input_shape`.
  /// @throws std::invalid_argument also if it was not given
  void build();
  /// The input shape that the layer was built with, without the batch; unset before. Keras' build_config.
  const std::optional<Shape>& build_shape() const noexcept;

  /// Shape of the output, without the batch; kDynamic where the input's extent is. glu halves its axis, as Keras' call
  /// does; Keras' compute_output_shape omits that.
  /// @throws std::invalid_argument as build()
  Shape output_shape(const Shape& input_shape) const;

  /// Keras' names of the weights, in Keras' order: depthwise kernel, pointwise kernel (separable), bias (use_bias).
  /// Keras 3 calls a depthwise layer's kernel "kernel".
  std::vector<std::string> weight_names() const;
  /// Their shapes, as in Keras.
  /// @throws std::invalid_argument if not built
  std::vector<Shape> weight_shapes() const;
  /// The weights in that order, of the variable dtype.
  std::vector<Tensor> get_weights() const;
  /// All of get_weights() if the layer is trainable, else none.
  std::vector<Tensor> trainable_weights() const;
  /// The remaining weights.
  std::vector<Tensor> non_trainable_weights() const;
  /// Takes elements of any floating point type and rounds them to the variable dtype.
  /// @throws std::invalid_argument if not built, or naming the weight whose shape is wrong.
  void set_weights(const std::vector<Tensor>& weights);
  /// Takes row-major elements without a shape.
  void set_weights(const std::vector<std::vector<float>>& weights);
  /// Number of elements of all weights.
  std::int64_t count_params() const;
  bool trainable() const noexcept;
  void set_trainable(bool trainable);

  /// Keras' penalties: the activity regularizer's for the last operator() (divided by its batch), then those of the
  /// depthwise kernel, the pointwise kernel and the bias, each only if it has a regularizer. If trainable is false,
  /// Keras 3 leaves out the weights and tf.keras 2 does not.
  /// @throws std::invalid_argument if Keras' regularizer refuses a weight's shape
  std::vector<double> losses() const;
  /// The same for `output` instead of the last output. For use after run(), which records nothing.
  std::vector<double> losses(const ConstTensorView& output) const;

  /// Projects each weight that has a constraint, as Keras' optimizers do after an update. No effect if not trainable.
  /// @throws std::invalid_argument if not built, or if a weight lacks a constraint's axis
  void apply_constraints();

  /// Builds if necessary, casts an input of another floating point type (autocast), allocates the output in the
  /// compute dtype, and runs.
  /// @throws std::invalid_argument if the input does not fit or holds integers; std::runtime_error if no kernel serves
  /// or it fails.
  Tensor operator()(const ConstTensorView& input, const RunContext& context = {});

  /// Computes `out` from `in`, both of the compute dtype, as ConvLayer::run does. `out` has the batch of `in`, then
  /// output_shape(). The first run() or workspace_bytes() with new extents prepares a kernel for them; later calls find
  /// it without a lock. Beyond 4096 different extents, each call prepares it again.
  Status run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept;

  /// Bytes of workspace that run() needs for inputs of this shape (without the batch).
  /// @throws std::invalid_argument if not built or if there is no kernel.
  std::size_t workspace_bytes(const Shape& input_shape, const RunContext& context = {}) const;

  /// The compiled convolution that serves inputs of this shape, with its problem, kernel() and why_not().
  /// @throws std::invalid_argument if not built, or if the shape does not fit or has an empty output.
  const ConvLayer& layer_for(const Shape& input_shape) const;

  /// As ConvLayer::force_kernel, for all extents. Checked only when a kernel is needed.
  void force_kernel(std::string_view symbol_or_target);

 private:
  struct State;
  void replace_weights(std::vector<WeightArray> arrays);
  void append_weight_losses(std::vector<double>& losses) const;

  std::shared_ptr<const LayerConfig> config_;
  std::shared_ptr<const State> state_;  // null until built
  std::optional<Shape> build_shape_;
  std::string forced_;
  std::optional<double> activity_loss_;
};

/// A layer of any of the four classes.
/// @throws std::invalid_argument as KerasConvLayer's constructor
KerasConvLayer make_layer(LayerConfig config);

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
