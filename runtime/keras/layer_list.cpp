// LAYERS.json: layers without a model.

#include <map>
#include <set>
#include <stdexcept>

#include "runtime/keras/graph_shapes.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "runtime/keras/near_names.h"
#include "runtime/keras/planner.h"
#include "runtime/keras/shape_rules.h"

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

/// The shapes of the options, and which of them a layer took.
struct GivenShapes {
  std::optional<Shape> all;
  std::map<std::string, Shape> layers;
  bool all_fits = false;
};

/// Fills the open extents of a layer's shape.
std::optional<Shape> filled(const std::optional<Shape>& shape, const std::string& name, GivenShapes& given) {
  std::optional<Shape> result = shape;
  if (const auto own = given.layers.find(name); own != given.layers.end()) {
    if (result && contradict(*result, own->second))
      throw std::invalid_argument("layer shape " + extents_text(own->second) + " does not fit: its input is " +
                                  extents_text(*result));
    result = merged(result, own->second);
  }
  if (given.all && (!result || !contradict(*result, *given.all))) {
    given.all_fits = true;
    result = merged(result, given.all);
  }
  return result;
}

PlannedLayer plan_item(const json& item, const ModelDocument& document, const std::string& name, GivenShapes& given,
                       const std::string& what) {
  if (const auto why = foreign_origin(item)) throw NotCompiledError("a custom class: " + *why);
  for (const auto& [key, value] : member(item, "config").items())
    if (known_keys().count(key) == 0) throw std::invalid_argument("unknown argument `" + key + "` in its config");
  const std::optional<Shape> shape = filled(declared_input_shape(item), name, given);
  if (!shape) throw NotCompiledError("input shape unknown; pass --layer-shape " + name + "=HxWxC");
  return plan_layer_config(item, *shape, rules_of(item, document.rules, what));
}

GivenShapes given_shapes(const ModelDocument& document, const PlanOptions& options) {
  if (!options.input_shapes.empty())
    throw std::invalid_argument(document.file + ": input shape of '" + options.input_shapes[0].name +
                                "': a list of layers has no named inputs; pass --layer-shape");
  GivenShapes given;
  if (!options.input_shape.empty()) given.all = with_batch(options.input_shape, document.file + ": input shape");
  for (const NamedShape& shape : options.layer_shapes)
    given.layers[shape.name] = with_batch(shape.extents, document.file + ": layer shape of '" + shape.name + "'");
  return given;
}

}  // namespace

bool is_layer_list(const json& value) {
  if (value.is_array()) return true;
  const json& class_name = member(value, "class_name");
  return class_name.is_string() && class_name.get_ref<const std::string&>().find("Conv") != std::string::npos;
}

Plan plan_layer_list(const ModelDocument& document, const PlanOptions& options) {
  const json items = document.json.is_array() ? document.json : json::array({document.json});
  GivenShapes given = given_shapes(document, options);
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
    if (!names.insert(name).second) throw std::invalid_argument(where + ": another layer is named '" + name + "'");
    try {
      PlannedLayer layer = plan_item(item, document, name, given, where);
      layer.name = name;
      layer.absorbed = {name};
      plan.layers.push_back(std::move(layer));
    } catch (const NotCompiledError& error) {
      plan.skipped.push_back({name, string_member(item, "class_name", "", where), error.what()});
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(where + " ('" + name + "'): " + error.what());
    }
  }
  for (const auto& [name, shape] : given.layers)
    if (names.count(name) == 0)
      throw std::invalid_argument(document.file + ": layer shape " + extents_text(shape) + ": the list has no layer '" +
                                  name + "'" + near_names(name, {names.begin(), names.end()}));
  if (given.all && !given.all_fits && !items.empty())
    throw std::invalid_argument(document.file + ": input shape " + extents_text(*given.all) +
                                " fits no layer of the list: their rank differs, or they contradict a known extent");
  return plan;
}

}  // namespace sepconv::keras
