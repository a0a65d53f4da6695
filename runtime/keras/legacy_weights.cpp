#include "runtime/keras/legacy_weights.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/keras/given_weights.h"

namespace sepconv::keras {
namespace {

struct FileLayer {
  std::string name;
  std::vector<std::string> weights;  // as named below the layer's group
};

/// The part of `name` that a layer wrote: "block/dw/kernel:0" is of "dw", and so is "dw/kernel:0".
bool belongs_to(const std::string& name, const std::string& layer) {
  if (layer.empty()) return false;
  for (std::size_t at = 0; (at = name.find(layer + "/", at)) != std::string::npos; ++at)
    if (at == 0 || name[at - 1] == '/') return true;
  return false;
}

bool all_known(const WeightNode& layer) {
  return layer.known && std::all_of(layer.children.begin(), layer.children.end(), all_known);
}

class Locator {
 public:
  Locator(const Hdf5File& file, const ModelDocument& document, const std::vector<WeightNode>& layers)
      : file_(file), document_(document), layers_(layers) {
    read_file_layers();
  }

  LocatedWeights locate() {
    pair_layers();
    for (const auto& [layer, index] : pairs_) assign(*layer, in_file_[index]);
    std::vector<bool> used(in_file_.size());
    for (const auto& [layer, index] : pairs_) used[index] = true;
    for (std::size_t i = 0; i < in_file_.size(); ++i)
      if (!used[i]) result_.unused.push_back(in_file_[i].name);
    if (document_.weights_given && !result_.unused.empty())
      refuse("holds weights of layer '" + result_.unused.front() + "', which the model lacks");
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const { throw std::invalid_argument(file_.what() + ": " + why); }

  void read_file_layers() {
    const std::string root = document_.legacy_root.empty() ? "/" : document_.legacy_root;
    for (const std::string& name : file_.chunked_strings(root, "layer_names")) {
      FileLayer layer{name, {}};
      const std::string group = document_.legacy_root + "/" + name;
      if (file_.has_attribute(group, "weight_names") || file_.has_attribute(group, "weight_names0"))
        layer.weights = file_.chunked_strings(group, "weight_names");
      result_.count += layer.weights.size();
      if (layer.weights.empty()) continue;
      index_.emplace(name, in_file_.size());
      in_file_.push_back(std::move(layer));
    }
  }

  /// Index into in_file_, or its size for a name that is not there.
  std::size_t find(const std::string& name) const {
    const auto found = index_.find(name);
    return found == index_.end() ? in_file_.size() : found->second;
  }

  /// Layers go by name where all of them are there, else by order as in Keras.
  void pair_layers() {
    std::vector<const WeightNode*> expected;
    bool all_there = true;
    for (const WeightNode& layer : layers_) {
      const bool there = find(layer.layer) < in_file_.size();
      const bool certain = all_known(layer) && !legacy_order(layer, document_.rules).empty();
      if (there || certain) expected.push_back(&layer);
      all_there = all_there && (there || !certain);
    }
    if (!all_there && document_.weights_given) check_names(expected);
    const bool by_order = !all_there && expected.size() == in_file_.size();
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::size_t index = by_order ? i : find(expected[i]->layer);
      if (index < in_file_.size())
        pairs_.emplace_back(expected[i], index);
      else
        result_.problems[expected[i]->group] = "its weights are missing (not among layer_names)";
    }
  }

  void check_names(const std::vector<const WeightNode*>& expected) const {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::string what = "the weights of layer '" + expected[i]->layer + "'";
      if (i == in_file_.size()) refuse(what + " are missing");
      if (!is_same_layer_name(expected[i]->layer, in_file_[i].name, expected[i]->class_name))
        refuse("expected " + what + ". Received those of '" + in_file_[i].name + "'");
    }
    if (expected.size() < in_file_.size())
      refuse("holds weights of layer '" + in_file_[expected.size()].name + "', which the model lacks");
  }

  void assign(const WeightNode& layer, const FileLayer& saved) {
    const std::string group = document_.legacy_root + "/" + saved.name + "/";
    std::vector<std::string> names = saved.weights;
    take_unknown(layer, group, names);
    if (!layer.known) return;
    const std::vector<WeightRef> order = legacy_order(layer, document_.rules);
    if (order.size() != names.size()) {
      const std::string why =
          "expected " + std::to_string(order.size()) + " weights. Received: " + std::to_string(names.size());
      if (document_.weights_given) refuse("layer '" + layer.name + "': " + why);
      result_.problems[layer.group] = why;
      return;
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& [node, index] = order[i];
      std::vector<std::string>& datasets = result_.datasets[node->group];
      datasets.resize(node->weights.size());
      datasets[index] = group + names[i];
      if (document_.weights_given)
        check_weight_shape(file_.what(), *node, index, names[i], file_.shape(datasets[index]));
    }
  }

  /// The weights of a foreign class inside a model are known by the layer's name alone.
  void take_unknown(const WeightNode& layer, const std::string& group, std::vector<std::string>& names) {
    for (const WeightNode* node : all_nodes(layer)) {
      if (node->known) continue;
      std::vector<std::string>& datasets = result_.datasets[node->group];
      const auto rest = std::stable_partition(names.begin(), names.end(), [&](const std::string& name) {
        return layer.known && !belongs_to(name, node->layer);
      });
      for (auto name = rest; name != names.end(); ++name) datasets.push_back(group + *name);
      names.erase(rest, names.end());
    }
  }

  const Hdf5File& file_;
  const ModelDocument& document_;
  const std::vector<WeightNode>& layers_;
  std::vector<FileLayer> in_file_;            // those that have weights
  std::map<std::string, std::size_t> index_;  // by name
  std::vector<std::pair<const WeightNode*, std::size_t>> pairs_;
  LocatedWeights result_;
};

}  // namespace

LocatedWeights locate_legacy_weights(const Hdf5File& file, const ModelDocument& document,
                                     const std::vector<WeightNode>& layers) {
  return Locator(file, document, layers).locate();
}

void check_weight_shape(const std::string& file, const WeightNode& node, std::size_t index, const std::string& dataset,
                        const std::vector<std::int64_t>& shape) {
  const WeightSpec& spec = node.weights[index];
  if (!spec.shape) return;
  bool fits = spec.shape->size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) fits = (*spec.shape)[i] < 0 || (*spec.shape)[i] == shape[i];
  if (!fits)
    throw std::invalid_argument(file + ": layer '" + node.name + "': weight '" + spec.name + "' must have shape " +
                                shape_text(*spec.shape) + ". Received: " + shape_text(shape) + " in '" + dataset + "'");
}

}  // namespace sepconv::keras
