#pragma once
// Which weights a model must have: of each layer their names, shapes and order, and where Keras' files keep them.

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/keras/model_document.h"

namespace sepconv::keras {

struct WeightSpec {
  std::string name;                                // "depthwise_kernel"
  std::optional<std::vector<std::int64_t>> shape;  // -1 for an extent that the configuration leaves open
  bool trainable = true;
  bool integer = false;  // the count of a Normalization layer
};

/// A layer, or a part of a layer that keeps its weights apart, such as the cell of an LSTM.
struct WeightNode {
  std::string name;   // for messages: "outer/inner"
  std::string layer;  // the layer's own name
  std::string class_name;
  std::string group;  // in a .weights.h5, below "layers": "time_distributed/layer"
  bool trainable = true;
  bool is_model = false;
  bool known = true;     // false for a class that is not Keras' own: its weights are not known
  bool storable = true;  // false where Keras lays the group out in a way of its own
  std::vector<WeightSpec> weights;
  std::vector<WeightNode> children;
};

/// The outermost layers of a model, in its order.
std::vector<WeightNode> weight_layout(const ModelDocument& document);

/// One weight of a node.
struct WeightRef {
  const WeightNode* node = nullptr;
  std::size_t index = 0;
};

/// The order in a legacy .h5 file: all trainable weights of a layer before those that are not trainable, also where
/// the layer is a model.
std::vector<WeightRef> legacy_order(const WeightNode& layer, KerasRules rules);

/// The node and all inside it, parents before their children.
std::vector<const WeightNode*> all_nodes(const WeightNode& layer);

/// "(3, 3, ?, 1)"; -1 is unknown.
std::string shape_text(const std::vector<std::int64_t>& shape);

/// Keras' names of the groups on one level: per class, numbered from the second on.
class GroupNames {
 public:
  /// @param model  the layer is a Functional or Sequential model
  std::string next(const std::string& class_name, bool model);

 private:
  std::map<std::string, int> used_;
};

}  // namespace sepconv::keras
