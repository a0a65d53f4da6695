#pragma once
// Constructor arguments of the Keras layers: Keras' names and defaults, in the order of Keras' signatures.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sepconv/detail/activation.h"
#include "sepconv/detail/constraint.h"
#include "sepconv/detail/dtype_policy.h"
#include "sepconv/detail/initializer.h"
#include "sepconv/detail/keras_rules.h"
#include "sepconv/detail/regularizer.h"
#include "sepconv/tensor.h"

namespace sepconv {

/// An argument that Keras takes as an int or a tuple: `3`, or `{3, 5}` for (height, width).
class IntOrTuple {
 public:
  IntOrTuple() = default;  // not given
  IntOrTuple(int value) : values_{value}, is_tuple_(false) {}
  IntOrTuple(std::initializer_list<int> values) : values_(values) {}
  IntOrTuple(std::vector<int> values) : values_(std::move(values)) {}
  bool given() const { return !is_tuple_ || !values_.empty(); }
  bool is_tuple() const { return is_tuple_; }
  const std::vector<int>& values() const { return values_; }

 private:
  std::vector<int> values_;
  bool is_tuple_ = true;
};

/// An activation: a Keras name ("relu"), which the layer looks up under its rules, or a function with parameters,
/// which Keras writes as an activation layer.
class ActivationArg {
 public:
  ActivationArg() = default;        // linear
  ActivationArg(std::nullptr_t) {}  // Keras' None: linear
  ActivationArg(const char* name) : name_(name) {}
  ActivationArg(std::string_view name) : name_(name) {}
  ActivationArg(std::string name) : name_(std::move(name)) {}
  ActivationArg(ActivationKind kind) : ActivationArg(default_activation(kind)) {}
  /// @param layer_class  Keras' class of the original activation layer, "LeakyReLU"; empty if unknown
  ActivationArg(Activation function, std::string layer_class = {})
      : name_(), layer_class_(std::move(layer_class)), function_(function) {}

  /// Keras' name; empty if a function was given.
  const std::string& name() const noexcept { return name_; }
  const std::string& layer_class() const noexcept { return layer_class_; }
  /// The function, if one was given.
  const std::optional<Activation>& function() const noexcept { return function_; }

 private:
  std::string name_ = "linear";
  std::string layer_class_;
  std::optional<Activation> function_;
};

/// A Regularizer, or its Keras name, which the layer looks up under its rules.
class RegularizerArg {
 public:
  RegularizerArg() = default;
  RegularizerArg(std::nullptr_t) {}
  RegularizerArg(const char* name) : name_(name) {}
  RegularizerArg(std::string name) : name_(std::move(name)) {}
  RegularizerArg(Regularizer::Kind kind) : regularizer_(kind) {}
  RegularizerArg(Regularizer regularizer) : regularizer_(std::move(regularizer)) {}
  /// @throws std::invalid_argument for an unknown name
  Regularizer resolve(KerasRules rules) const { return name_ ? Regularizer::from_name(*name_, rules) : regularizer_; }

 private:
  std::optional<std::string> name_;
  Regularizer regularizer_;
};

/// A Constraint, or its Keras name, which the layer looks up under its rules.
class ConstraintArg {
 public:
  ConstraintArg() = default;
  ConstraintArg(std::nullptr_t) {}
  ConstraintArg(const char* name) : name_(name) {}
  ConstraintArg(std::string name) : name_(std::move(name)) {}
  ConstraintArg(Constraint::Kind kind) : constraint_(kind) {}
  ConstraintArg(Constraint constraint) : constraint_(std::move(constraint)) {}
  /// @throws std::invalid_argument for an unknown name
  Constraint resolve(KerasRules rules) const { return name_ ? Constraint::from_name(*name_, rules) : constraint_; }

 private:
  std::optional<std::string> name_;
  Constraint constraint_;
};

/// The default of `data_format`, as keras.config.image_data_format(). "channels_last" unless
/// set_image_data_format() changed it.
std::string image_data_format();
/// Applies to layers constructed from now on. Letter case is ignored.
/// @throws std::invalid_argument unless "channels_last" or "channels_first".
void set_image_data_format(std::string_view data_format);

/// An initializer of std::nullopt is Keras' None, which means glorot_uniform for every weight, including the bias.
struct SeparableConvArgs {
  std::optional<int> filters = {};  // output channels; required
  IntOrTuple kernel_size = {};      // required
  IntOrTuple strides = 1;
  std::string padding = "valid";                // "valid", "same"; SeparableConv1D also "causal": see causal_extension
  std::optional<std::string> data_format = {};  // "channels_last", "channels_first"; default: image_data_format()
  IntOrTuple dilation_rate = 1;
  int depth_multiplier = 1;
  ActivationArg activation = {};  // Keras' names, activation.h's text forms with parameters, or a function
  bool use_bias = true;
  std::optional<Initializer> depthwise_initializer = Initializer(Initializer::Kind::glorot_uniform);
  std::optional<Initializer> pointwise_initializer = Initializer(Initializer::Kind::glorot_uniform);
  std::optional<Initializer> bias_initializer = Initializer(Initializer::Kind::zeros);
  RegularizerArg depthwise_regularizer = {};
  RegularizerArg pointwise_regularizer = {};
  RegularizerArg bias_regularizer = {};
  RegularizerArg activity_regularizer = {};
  ConstraintArg depthwise_constraint = {};
  ConstraintArg pointwise_constraint = {};
  ConstraintArg bias_constraint = {};
  std::string name = {};  // default: "separable_conv1d" or "separable_conv2d"
  DTypePolicy dtype = {};
  bool trainable = true;
  bool autocast = true;                         // inputs of another floating point type are cast to the compute type
  std::optional<Shape> input_shape = {};        // without the batch; what build() takes
  std::optional<std::int64_t> batch_size = {};  // tf.keras and R only; stored but not enforced
  std::vector<Tensor> weights = {};             // tf.keras and R only: set when built, in Keras' order
  KerasRules rules = KerasRules::keras_3;
  /// "causal" padding of 1-D layers, where Keras has none: in Keras 3, and in tf.keras' DepthwiseConv1D. Without it
  /// they refuse "causal" with Keras' message; tf.keras' SeparableConv1D needs no extension.
  bool causal_extension = false;
  bool strict_float = false;  // docs/numerics.md
  std::uint64_t seed = 0;     // for initializers without one; each weight has its own stream
};

/// As SeparableConvArgs.
struct DepthwiseConvArgs {
  IntOrTuple kernel_size = {};  // required
  IntOrTuple strides = 1;
  std::string padding = "valid";  // "valid", "same"; DepthwiseConv1D also "causal" with causal_extension
  int depth_multiplier = 1;
  std::optional<std::string> data_format = {};
  IntOrTuple dilation_rate = 1;
  ActivationArg activation = {};
  bool use_bias = true;
  std::optional<Initializer> depthwise_initializer = Initializer(Initializer::Kind::glorot_uniform);
  std::optional<Initializer> bias_initializer = Initializer(Initializer::Kind::zeros);
  RegularizerArg depthwise_regularizer = {};
  RegularizerArg bias_regularizer = {};
  RegularizerArg activity_regularizer = {};
  ConstraintArg depthwise_constraint = {};
  ConstraintArg bias_constraint = {};
  std::string name = {};  // default: "depthwise_conv1d" or "depthwise_conv2d"
  DTypePolicy dtype = {};
  bool trainable = true;
  bool autocast = true;
  std::optional<Shape> input_shape = {};
  std::optional<std::int64_t> batch_size = {};
  std::vector<Tensor> weights = {};
  KerasRules rules = KerasRules::keras_3;
  bool causal_extension = false;
  bool strict_float = false;
  std::uint64_t seed = 0;
};

}  // namespace sepconv
