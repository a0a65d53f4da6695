#pragma once
// Constructor arguments of the Keras layers: Keras' names and defaults, in the order of Keras' signatures.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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

/// Initializers known to these layers: "glorot_uniform" and "zeros". The same seed gives the same weights everywhere.
struct SeparableConvArgs {
  std::optional<int> filters = {};  // output channels; required
  IntOrTuple kernel_size = {};      // required
  IntOrTuple strides = 1;
  std::string padding = "valid";              // "valid", "same"; 1-D also "causal", as in tf.keras
  std::string data_format = "channels_last";  // or "channels_first"
  IntOrTuple dilation_rate = 1;
  int depth_multiplier = 1;
  std::string activation = "linear";  // names of activation.h and their Keras aliases
  bool use_bias = true;
  std::string depthwise_initializer = "glorot_uniform";
  std::string pointwise_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = {};   // default: "separable_conv1d" or "separable_conv2d"
  std::uint64_t seed = 0;  // of the initializers
};

struct DepthwiseConvArgs {
  IntOrTuple kernel_size = {};  // required
  IntOrTuple strides = 1;
  std::string padding = "valid";  // "valid", "same"; 1-D also "causal", which Keras does not have
  int depth_multiplier = 1;
  std::string data_format = "channels_last";  // or "channels_first"
  IntOrTuple dilation_rate = 1;
  std::string activation = "linear";
  bool use_bias = true;
  std::string depthwise_initializer = "glorot_uniform";
  std::string bias_initializer = "zeros";
  std::string name = {};  // default: "depthwise_conv1d" or "depthwise_conv2d"
  std::uint64_t seed = 0;
};

}  // namespace sepconv
