#include "runtime/keras/weight_layout.h"

#include <algorithm>

#include "runtime/keras/model_graph.h"
#include "runtime/keras/weight_nodes.h"

namespace sepconv::keras {
namespace {

void add_own(const WeightNode& node, bool trainable, std::vector<WeightRef>& refs) {
  for (std::size_t i = 0; i < node.weights.size(); ++i)
    if (node.weights[i].trainable == trainable) refs.push_back({&node, i});
}

/// All weights below a node as tf.keras 2 lists them: of a model layer by layer, of a layer the trainable ones first.
void add_variables(const WeightNode& node, std::vector<WeightRef>& refs);
void add_trainable(const WeightNode& node, std::vector<WeightRef>& refs);
void add_others(const WeightNode& node, std::vector<WeightRef>& refs);

void add_variables(const WeightNode& node, std::vector<WeightRef>& refs) {
  if (node.is_model) {
    for (const WeightNode& child : node.children) add_variables(child, refs);
    return;
  }
  add_trainable(node, refs);
  add_others(node, refs);
}

void add_trainable(const WeightNode& node, std::vector<WeightRef>& refs) {
  if (!node.trainable) return;
  add_own(node, true, refs);
  for (const WeightNode& child : node.children) add_trainable(child, refs);
}

void add_others(const WeightNode& node, std::vector<WeightRef>& refs) {
  if (node.is_model) {
    if (!node.trainable)
      for (const WeightNode& child : node.children) add_trainable(child, refs);
    for (const WeightNode& child : node.children) add_others(child, refs);
    return;
  }
  if (!node.trainable) add_own(node, true, refs);
  add_own(node, false, refs);
  for (const WeightNode& child : node.children) {
    if (node.trainable)
      add_others(child, refs);
    else
      add_variables(child, refs);
  }
}

/// Keras 3 lists each layer's weights together and then sorts by what can be trained.
void add_together(const WeightNode& node, std::vector<WeightRef>& refs) {
  add_own(node, true, refs);
  add_own(node, false, refs);
  for (const WeightNode& child : node.children) add_together(child, refs);
}

}  // namespace

std::vector<WeightNode> weight_layout(const ModelDocument& document) {
  return model_nodes(document.json, "", "", document.rules);
}

std::vector<WeightRef> legacy_order(const WeightNode& layer, KerasRules rules) {
  std::vector<WeightRef> refs;
  if (rules == KerasRules::tf_keras_2) {
    add_trainable(layer, refs);
    add_others(layer, refs);
    return refs;
  }
  add_together(layer, refs);
  if (!layer.trainable) return refs;
  std::stable_partition(refs.begin(), refs.end(), [](const WeightRef& ref) {
    return ref.node->trainable && ref.node->weights[ref.index].trainable;
  });
  return refs;
}

std::vector<const WeightNode*> all_nodes(const WeightNode& layer) {
  std::vector<const WeightNode*> nodes{&layer};
  for (const WeightNode& child : layer.children) {
    const std::vector<const WeightNode*> inner = all_nodes(child);
    nodes.insert(nodes.end(), inner.begin(), inner.end());
  }
  return nodes;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t extent : shape)
    text += (text.empty() ? "" : ", ") + (extent < 0 ? "?" : std::to_string(extent));
  return "(" + text + (shape.size() == 1 ? ",)" : ")");
}

std::string GroupNames::next(const std::string& class_name, bool model) {
  // Keras before 2.4 wrote "Model" where all others write "Functional".
  const std::string group = snake_case(model && class_name == "Model" ? "Functional" : class_name);
  const int repeat = used_[group]++;
  return repeat == 0 ? group : group + "_" + std::to_string(repeat);
}

}  // namespace sepconv::keras
