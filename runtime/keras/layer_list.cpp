// LAYERS.json: layers without a model.

#include <set>
#include <stdexcept>

#include "json_text.h"
#include "planner.h"
#include "shape_rules.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

/// What the layers' constructors accept, and what get_config of any Keras writes.
const std::set<std::string>& known_keys() {
  static const std::set<std::string> keys = {"name",
                                             "trainable",
                                             "dtype",
                                             "autocast",
                                             "batch_input_shape",
                                             "batch_shape",
                                             "input_shape",
                                             "filters",
                                             "kernel_size",
                                             "strides",
                                             "padding",
                                             "data_format",
                                             "dilation_rate",
                                             "depth_multiplier",
                                             "groups",
                                             "activation",
                                             "use_bias",
                                             "depthwise_initializer",
                                             "pointwise_initializer",
                                             "kernel_initializer",
                                             "bias_initializer",
                                             "depthwise_regularizer",
                                             "pointwise_regularizer",
                                             "kernel_regularizer",
                                             "bias_regularizer",
                                             "activity_regularizer",
                                             "depthwise_constraint",
                                             "pointwise_constraint",
                                             "kernel_constraint",
                                             "bias_constraint",
                                             "lora_rank",
                                             "lora_alpha",
                                             "quantization_config"};
  return keys;
}

KerasRules rules_of(const json& item, KerasRules fallback, const std::string& what) {
  const std::string text = string_member(item, "api", "", what);
  if (!text.empty()) return keras_rules_from_text(text);
  // Keras 3 refuses `groups` for these classes, tf.keras 2 always writes it.
  const std::string class_name = string_member(item, "class_name", "", what);
  const bool plain = class_name == "Conv1D" || class_name == "Conv2D";
  return !plain && member(item, "config").contains("groups") ? KerasRules::tf_keras_2 : fallback;
}

PlannedLayer plan_item(const json& item, const ModelDocument& document, const PlanOptions& options,
                       const std::string& what) {
  for (const auto& [key, value] : member(item, "config").items())
    if (known_keys().count(key) == 0) throw std::invalid_argument("unknown argument `" + key + "` in its config");
  std::optional<Shape> shape = declared_input_shape(item);
  if (!options.input_shape.empty()) {
    Shape given{kDynamic};
    given.insert(given.end(), options.input_shape.begin(), options.input_shape.end());
    shape = merged(shape, given);
  }
  return plan_layer_config(item, shape.value_or(Shape{}), rules_of(item, document.rules, what));
}

}  // namespace

bool is_layer_list(const json& value) {
  if (value.is_array()) return true;
  const json& class_name = member(value, "class_name");
  return class_name.is_string() && class_name.get_ref<const std::string&>().find("Conv") != std::string::npos;
}

Plan plan_layer_list(const ModelDocument& document, const PlanOptions& options) {
  const json items = document.json.is_array() ? document.json : json::array({document.json});
  Plan plan;
  std::set<std::string> names;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string where = document.file + ": layer " + std::to_string(i);
    const json& item = items[i];
    if (!member(item, "config").is_object())
      throw std::invalid_argument(
          where + ": expected an object with class_name, config and input_shape. Received: " + shown(item));
    std::string name = string_member(member(item, "config"), "name", "", where);
    if (name.empty()) name = "layer_" + std::to_string(i);
    if (!names.insert(name).second) throw std::invalid_argument(where + ": another layer is named '" + name + "' too");
    try {
      PlannedLayer layer = plan_item(item, document, options, where);
      layer.name = name;
      layer.absorbed = {name};
      plan.layers.push_back(std::move(layer));
    } catch (const NotCompiledError& error) {
      plan.skipped.push_back({name, string_member(item, "class_name", "", where), error.what()});
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(where + " ('" + name + "'): " + error.what());
    }
  }
  return plan;
}

}  // namespace sepconv::keras
