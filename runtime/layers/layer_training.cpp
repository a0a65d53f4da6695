// What training adds to a Keras layer: penalties, constraints, and whether it is trainable.

#include <utility>

#include "runtime/layers/layer_state.h"

namespace sepconv {

using detail::activity_penalty;
using detail::in_keras_order;
using detail::to_array;

/// The activity penalty of a call's output, divided by its batch (tf.keras, Keras 3.14 and later). NaN for a batch of
/// 0.
double detail::activity_penalty(const LayerConfig& config, const ConstTensorView& output) {
  const double batch = output.rank == 0 ? 1 : static_cast<double>(output.extents[0]);
  return penalty(config.activity_regularizer, output) / batch;
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
  const std::vector<WeightArray>& current = state_->base.weights().arrays;
  std::vector<WeightArray> arrays;
  bool any = false;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    any = any || constraints[i]->given();
    arrays.push_back(constraints[i]->given()
                         ? to_array(constrained(*constraints[i], current[i].to_doubles(), shapes[i]), variable_dtype())
                         : current[i]);
  }
  if (any) replace_weights(std::move(arrays));
}

}  // namespace sepconv
