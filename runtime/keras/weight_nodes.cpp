#include "runtime/keras/weight_nodes.h"

#include <array>

#include "runtime/keras/class_weights.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "runtime/keras/model_graph.h"

namespace sepconv::keras {
namespace {

using nlohmann::json;

std::string text(const json& object, const char* key) {
  const json& value = member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string own_name(const json& layer) {
  const std::string name = text(layer, "name");
  return name.empty() ? text(member(layer, "config"), "name") : name;
}

WeightNode part_of(const WeightNode& whole, const char* group, const std::string& name) {
  WeightNode part;
  part.name = whole.name;
  part.layer = name.empty() ? whole.layer : whole.layer + "/" + name;
  part.class_name = whole.class_name;
  part.group = whole.group + "/" + group;
  part.trainable = whole.trainable;
  return part;
}

void add_attention_parts(const json& config, KerasRules rules, WeightNode& node) {
  constexpr std::array<std::array<const char*, 2>, 4> kParts = {
      {{"query_dense", "query"}, {"key_dense", "key"}, {"value_dense", "value"}, {"output_dense", "attention_output"}}};
  const bool open = rules == KerasRules::keras_3 && node.class_name == "MultiHeadAttention";
  for (const auto& [group, name] : kParts) {
    WeightNode part = part_of(node, ((open ? "" : "_") + std::string(group)).c_str(), name);
    part.weights.push_back({"kernel", std::nullopt, true});
    if (truthy_member(config, "use_bias", true)) part.weights.push_back({"bias", std::nullopt, true});
    node.children.push_back(std::move(part));
  }
}

/// tf.keras 2 counts the weights of an activation that is a layer among those of the layer that applies it.
void add_activation(const json& config, KerasRules rules, WeightNode& node) {
  const json& activation = member(config, "activation");
  if (rules != KerasRules::tf_keras_2 || node.class_name == "Activation" || text(activation, "class_name") != "PReLU")
    return;
  WeightNode inner = part_of(node, "activation", own_name(activation));
  add_own_weights("PReLU", member(activation, "config"), rules, inner);
  node.children.push_back(std::move(inner));
}

/// Operations of Keras 3 on symbolic tensors stand among the layers under their own names.
bool is_operation(const json& layer) { return text(layer, "module").find(".ops.") != std::string::npos; }

/// A layer without the layers inside it; not known where it may hold some.
WeightNode node_without_layers(const json& layer, const std::string& outer_name, const std::string& group,
                               KerasRules rules) {
  WeightNode node;
  const json& config = member(layer, "config");
  node.layer = own_name(layer);
  node.name = outer_name.empty() ? node.layer : outer_name + "/" + node.layer;
  node.class_name = text(layer, "class_name");
  node.group = group;
  node.trainable = truthy_member(config, "trainable", true);
  if (is_operation(layer)) return node;
  WeightNode cell = part_of(node, "cell", "");
  if (foreign_class(layer, false)) {
    node.known = false;
  } else if (add_cell_weights(node.class_name, config, rules, cell)) {
    node.children.push_back(std::move(cell));
  } else if (!add_own_weights(node.class_name, config, rules, node)) {
    node.known = has_no_weights(node.class_name);
  }
  if (node.known) add_activation(config, rules, node);
  return node;
}

void add_cells(const json& cell, KerasRules rules, WeightNode& node);

/// The node of a cell, or of a layer inside of Bidirectional. Those with layers of their own do not count as known: a
/// hostile file could nest wrappers that double what they hold.
WeightNode simple_node(const json& layer, const WeightNode& outer, const std::string& group, KerasRules rules) {
  WeightNode node = node_without_layers(layer, outer.name, group, rules);
  const json& cell = member(member(layer, "config"), "cell");
  if (node.class_name == "RNN" && cell.is_object()) {
    node.known = true;
    add_cells(cell, rules, node);
  }
  return node;
}

void add_cells(const json& cell, KerasRules rules, WeightNode& node) {
  const json& cells = member(member(cell, "config"), "cells");
  if (!cells.is_array()) {
    node.children.push_back(simple_node(cell, node, node.group + "/cell", rules));
    return;
  }
  WeightNode stack = part_of(node, "cell", "");
  GroupNames names;
  for (const json& item : cells)
    stack.children.push_back(
        simple_node(item, node, stack.group + "/cells/" + names.next(text(item, "class_name"), false), rules));
  node.children.push_back(std::move(stack));
}

/// Bidirectional calls the layers inside it forward_lstm and backward_lstm; the configuration may say lstm for both.
void name_directions(WeightNode& bidirectional) {
  constexpr std::array<const char*, 2> kDirections = {"forward_", "backward_"};
  for (std::size_t i = 0; i < kDirections.size(); ++i) {
    WeightNode& inner = bidirectional.children[i];
    std::string name = inner.layer;
    for (const std::string direction : kDirections)
      if (name.starts_with(direction)) name.erase(0, direction.size());
    inner.layer = kDirections[i] + name;
    inner.name = bidirectional.name + "/" + inner.layer;
    for (WeightNode& cell : inner.children) cell.layer = inner.layer, cell.name = inner.name;
  }
}

/// Layers that hold other layers. False for a class that is none of them.
bool add_inner_layers(const json& config, KerasRules rules, WeightNode& node) {
  const auto inner = [&](const json& layer, const char* group) {
    node.children.push_back(weight_node(layer, node.name, node.group + "/" + group, rules));
  };
  const json& layer = member(config, "layer");
  if (node.class_name == "TimeDistributed" && layer.is_object()) {
    inner(layer, "layer");
  } else if (node.class_name == "SpectralNormalization" && layer.is_object()) {
    node.weights.push_back({"vector_u", std::nullopt, false});
    inner(layer, "layer");
    node.storable = false;
  } else if (node.class_name == "Bidirectional" && layer.is_object()) {
    const json& backward = member(config, "backward_layer");
    node.children.push_back(simple_node(layer, node, node.group + "/forward_layer", rules));
    node.children.push_back(
        simple_node(backward.is_object() ? backward : layer, node, node.group + "/backward_layer", rules));
    name_directions(node);
  } else if (node.class_name == "RNN" && member(config, "cell").is_object()) {
    add_cells(member(config, "cell"), rules, node);
  } else if (node.class_name == "MultiHeadAttention" || node.class_name == "GroupedQueryAttention" ||
             node.class_name == "GroupQueryAttention") {
    add_attention_parts(config, rules, node);
  } else {
    return false;
  }
  return true;
}

}  // namespace

WeightNode weight_node(const json& layer, const std::string& outer_name, const std::string& group, KerasRules rules) {
  WeightNode node = node_without_layers(layer, outer_name, group, rules);
  node.is_model = is_model(layer);
  if (node.is_model) {
    node.known = true;
    node.children = model_nodes(layer, node.name, group, rules);
  } else if (!node.known && !foreign_class(layer, false)) {
    node.known = add_inner_layers(member(layer, "config"), rules, node);
  }
  return node;
}

std::vector<WeightNode> model_nodes(const json& model, const std::string& outer_name, const std::string& group,
                                    KerasRules rules) {
  std::vector<WeightNode> nodes;
  const json& config = member(model, "config");
  const json& layers = config.is_array() ? config : member(config, "layers");
  if (!layers.is_array()) return nodes;
  const bool sequential = text(model, "class_name") == "Sequential";
  GroupNames names;
  for (const json& layer : layers) {
    const std::string class_name = text(layer, "class_name");
    if (sequential && class_name == "InputLayer") continue;  // Sequential keeps it apart
    const std::string own_group = names.next(class_name, is_model(layer));
    nodes.push_back(weight_node(layer, outer_name, group.empty() ? own_group : group + "/layers/" + own_group, rules));
  }
  return nodes;
}

}  // namespace sepconv::keras
