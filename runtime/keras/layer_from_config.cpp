// Keras' serialised layers to layers, and back.

#include "sepconv/layer_from_config.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_config_reader.h"
#include "runtime/keras/object_config.h"

namespace sepconv {

using keras::member;
using keras::shown;
using nlohmann::json;

namespace {

/// Builds as Keras' deserialize does.
void build_from(const json& layer, KerasConvLayer& result) {
  const json& shape = member(member(layer, "build_config"), "input_shape");
  if (!shape.is_array() || shape.empty()) return;
  Shape without_batch;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (!shape[i].is_null() && !shape[i].is_number_integer())
      throw std::invalid_argument("build_config: `input_shape` must hold integers and nulls. Received: " +
                                  shown(shape));
    without_batch.push_back(shape[i].is_null() ? kDynamic : shape[i].get<std::int64_t>());
  }
  result.build(without_batch);
}

}  // namespace

KerasConvLayer layer_from_config(const json& layer, const FromConfigOptions& options) {
  KerasConvLayer result = make_layer(keras::read_layer_config(layer, options));
  build_from(layer, result);
  return result;
}

json get_config(const KerasConvLayer& layer) {
  const LayerConfig& c = layer.config();
  const std::string& policy = c.dtype.name();
  json config = {{"name", layer.name()},
                 {"trainable", layer.trainable()},
                 {"dtype", keras::dtype_to_json(policy, c.rules)},
                 {"depth_multiplier", c.depth_multiplier},
                 {"kernel_size", c.kernel_size()},
                 {"strides", c.strides()},
                 {"padding", to_text(c.padding)},
                 {"data_format", c.data_format()},
                 {"dilation_rate", c.dilation_rate()},
                 {"activation", keras::activation_to_json(c.activation_argument, c.activation, c.rules, policy)},
                 {"use_bias", c.use_bias},
                 {"depthwise_initializer", keras::to_json(c.depthwise_initializer)},
                 {"bias_initializer", keras::to_json(c.bias_initializer)},
                 {"depthwise_regularizer", keras::to_json(c.depthwise_regularizer)},
                 {"bias_regularizer", keras::to_json(c.bias_regularizer)},
                 {"activity_regularizer", keras::to_json(c.activity_regularizer)},
                 {"depthwise_constraint", keras::to_json(c.depthwise_constraint)},
                 {"bias_constraint", keras::to_json(c.bias_constraint)}};
  if (c.separable()) {
    config["filters"] = c.filters;
    config["pointwise_initializer"] = keras::to_json(c.pointwise_initializer);
    config["pointwise_regularizer"] = keras::to_json(c.pointwise_regularizer);
    config["pointwise_constraint"] = keras::to_json(c.pointwise_constraint);
  }
  if (c.rules == KerasRules::tf_keras_2 && c.input_shape) {
    json shape = json::array({c.batch_size ? json(*c.batch_size) : json(nullptr)});
    for (const std::int64_t extent : *c.input_shape) shape.push_back(extent == kDynamic ? json(nullptr) : json(extent));
    config["batch_input_shape"] = std::move(shape);
  }
  return config;
}

json serialize(const KerasConvLayer& layer) {
  json result = keras::keras_object("keras.layers", layer.config().class_name, get_config(layer));
  if (const std::optional<Shape>& built = layer.build_shape()) {
    json shape = json::array({nullptr});
    for (const std::int64_t extent : *built) shape.push_back(extent == kDynamic ? json(nullptr) : json(extent));
    result["build_config"] = {{"input_shape", std::move(shape)}};
  }
  return result;
}

}  // namespace sepconv
