// The weights of a Keras layer, read and set.

#include <stdexcept>
#include <utility>

#include "runtime/layers/layer_state.h"

namespace sepconv {

using detail::throw_not_built;
using detail::to_array;

namespace {

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

}  // namespace

std::vector<std::string> KerasConvLayer::weight_names() const {
  const bool short_name = !config_->separable() && config_->rules == KerasRules::keras_3;
  std::vector<std::string> names = {short_name ? "kernel" : "depthwise_kernel"};
  if (config_->separable()) names.emplace_back("pointwise_kernel");
  if (config_->use_bias) names.emplace_back("bias");
  return names;
}

std::vector<Shape> KerasConvLayer::weight_shapes() const {
  if (state_ == nullptr) throw_not_built(name());
  return detail::keras_weight_shapes(*config_, state_->IC);
}

std::vector<Tensor> KerasConvLayer::get_weights() const {
  const std::vector<Shape> shapes = weight_shapes();
  const std::vector<WeightArray>& arrays = state_->base.weights().arrays;  // in Keras' order
  std::vector<Tensor> weights;
  for (std::size_t i = 0; i < shapes.size(); ++i)
    weights.push_back(make_tensor(arrays[i].to_doubles(), shapes[i], variable_dtype()));
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
  state_ = std::make_shared<const State>(config_, state_->IC, ConvWeights(std::move(arrays)), forced_);
}

std::int64_t KerasConvLayer::count_params() const {
  std::int64_t count = 0;
  for (const Shape& shape : weight_shapes()) count += elements_of(shape);
  return count;
}

}  // namespace sepconv
