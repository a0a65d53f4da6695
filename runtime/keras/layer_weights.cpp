#include "runtime/keras/layer_weights.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/keras/given_weights.h"
#include "runtime/keras/tfjs_model.h"

namespace sepconv::keras {
namespace {

std::string counts(std::size_t expected, std::size_t received) {
  return "expected " + std::to_string(expected) + " weights. Received: " + std::to_string(received);
}

}  // namespace

ChannelsOf channels_of_weights(const LayerWeights& weights, KerasRules rules) {
  return [&weights, rules](const ModelLayer& layer) -> std::optional<std::int64_t> {
    if (!weights.available()) return std::nullopt;
    try {
      const LayerConfig config = conv_layer_config(*layer.json, rules);
      const std::vector<KerasArray> arrays = weights.read(layer, conv_weight_shapes(config, 1).size());
      if (arrays.empty() || arrays[0].shape.size() < 2) return std::nullopt;
      return arrays[0].shape[arrays[0].shape.size() - 2] * config.groups;
    } catch (const std::exception&) {
      return std::nullopt;  // the planner says what is wrong with the layer
    }
  };
}

std::string vars_path(std::string group, const std::string& root) {
  const std::string keras_3 = "/layers/", other = "/" + root + "/";
  for (std::size_t at = 0; (at = group.find(keras_3, at)) != std::string::npos; at += other.size())
    group.replace(at, keras_3.size(), other);
  return other + group + "/vars";
}

LayerWeights::LayerWeights(const ModelDocument& document)
    : document_(document),
      what_(document.weights_file.empty() ? document.file : document.weights_file),
      layers_(weight_layout(document)) {
  if (document.weights_form == WeightsForm::none) return;
  if (document.weights_form == WeightsForm::tfjs) {
    located_ = locate_tfjs_weights(document, layers_);
    return;
  }
  const bool inside = document.weights_form == WeightsForm::keras3 && !document.weights_given;
  if (inside) what_ += ": model.weights.h5";
  file_ = std::make_unique<Hdf5File>(document.weights, what_);
  if (document.weights_form == WeightsForm::legacy)
    located_ = locate_legacy_weights(*file_, document, layers_);
  else if (document.weights_given)
    check_groups();
}

std::vector<KerasArray> LayerWeights::read(const ModelLayer& layer, std::size_t count, std::size_t wanted) const {
  return document_.weights_form == WeightsForm::keras3 ? read_group(layer, count, wanted)
                                                       : read_located(layer, count, wanted);
}

std::vector<KerasArray> LayerWeights::read_all(const ModelLayer& layer) const {
  if (layer.holds_layers) return {};
  if (document_.weights_form != WeightsForm::keras3) {
    const auto found = located_.datasets.find(layer.group);
    return found == located_.datasets.end() ? std::vector<KerasArray>{} : read_located(layer, found->second.size());
  }
  const std::string vars = vars_path_of(layer.group);
  return file_->has(vars) ? read_group(layer, file_->count(vars)) : std::vector<KerasArray>{};
}

std::vector<KerasArray> LayerWeights::read_node(const WeightNode& node) const {
  std::vector<KerasArray> arrays;
  const auto found = located_.datasets.find(node.group);
  if (found == located_.datasets.end()) return arrays;
  for (std::size_t i = 0; i < found->second.size(); ++i)
    if (i >= node.weights.size() || !node.weights[i].integer) arrays.push_back(array(found->second[i]));
  return arrays;
}

std::optional<std::int64_t> LayerWeights::read_integer(const WeightNode& node) const {
  const auto found = located_.datasets.find(node.group);
  if (found == located_.datasets.end() || node.weights.empty() || !node.weights.back().integer) return std::nullopt;
  const std::string& dataset = found->second.back();
  return file_ ? file_->integer(dataset) : tfjs_integer(document_, dataset);
}

bool LayerWeights::has_root(const std::string& root) const {
  return document_.weights_form == WeightsForm::keras3 && file_->has("/" + root);
}

std::string LayerWeights::first_problem() const {
  for (const WeightNode& layer : layers_)
    for (const WeightNode* node : all_nodes(layer))
      if (const auto found = located_.problems.find(node->group); found != located_.problems.end())
        return ": layer '" + node->name + "': " + found->second;
  return located_.unused.empty() ? "" : ": '" + located_.unused.front() + "'";
}

std::size_t LayerWeights::count() const {
  if (document_.weights_form != WeightsForm::keras3) return located_.count;
  std::size_t count = 0;
  for (const std::string root : {kWeightsRoot, kOldWeightsRoot})
    if (has_root(root)) count += file_->count_datasets("/" + root);
  return count;
}

KerasArray LayerWeights::array(const std::string& dataset) const {
  return file_ ? file_->array(dataset) : tfjs_array(document_, dataset);
}

std::string LayerWeights::vars_path_of(const std::string& group) const {
  return vars_path(group, !has_root(kWeightsRoot) && has_root(kOldWeightsRoot) ? kOldWeightsRoot : kWeightsRoot);
}

std::vector<KerasArray> LayerWeights::read_group(const ModelLayer& layer, std::size_t count, std::size_t wanted) const {
  const std::string vars = vars_path_of(layer.group);
  const std::string where = what_ + ": layer '" + layer.name + "'";
  if (!file_->has(vars)) throw std::invalid_argument(where + ": its weights are missing (no group '" + vars + "')");
  if (file_->has_attribute(vars, "name") && !document_.weights_given) {
    const std::vector<std::string> names = file_->strings(vars, "name");
    if (names.size() != 1 || names[0] != layer.path.back())
      throw std::invalid_argument(where + ": group '" + vars + "' holds the weights of '" +
                                  (names.empty() ? "" : names[0]) +
                                  "': configuration and weights do not belong together");
  }
  if (const std::size_t found = file_->count(vars); found != count)
    throw std::invalid_argument(where + ": expected " + std::to_string(count) + " weights in '" + vars +
                                "'. Received: " + std::to_string(found));
  std::vector<KerasArray> arrays;
  for (std::size_t i = 0; i < std::min(count, wanted); ++i)
    arrays.push_back(file_->array(vars + "/" + std::to_string(i)));
  return arrays;
}

std::vector<KerasArray> LayerWeights::read_located(const ModelLayer& layer, std::size_t count,
                                                   std::size_t wanted) const {
  const std::string where = what_ + ": layer '" + layer.name + "': ";
  auto problem = located_.problems.find(layer.group);
  if (problem == located_.problems.end())
    problem = located_.problems.find(layer.group.substr(0, layer.group.find('/')));
  if (problem != located_.problems.end()) throw std::invalid_argument(where + problem->second);
  const auto found = located_.datasets.find(layer.group);
  const std::size_t received = found == located_.datasets.end() ? 0 : found->second.size();
  if (received != count) throw std::invalid_argument(where + counts(count, received));
  std::vector<KerasArray> arrays;
  for (std::size_t i = 0; i < std::min(count, wanted); ++i) arrays.push_back(array(found->second[i]));
  return arrays;
}

void LayerWeights::check_groups() const {
  for (const WeightNode& layer : layers_) check_group(layer, true);
  // A group of the outermost level that no layer of the model has.
  const std::string root = std::string("/") + (has_root(kWeightsRoot) ? kWeightsRoot : kOldWeightsRoot);
  for (const std::string& dataset : file_->datasets(root)) {
    const std::size_t begin = root.size() + 1;
    const std::string group = dataset.substr(begin, dataset.find('/', begin) - begin);
    if (std::none_of(layers_.begin(), layers_.end(), [&](const WeightNode& layer) { return layer.group == group; }))
      throw std::invalid_argument(what_ + ": holds weights of '" + group + "', which the model lacks");
  }
}

void LayerWeights::check_group(const WeightNode& node, bool named) const {
  for (const WeightNode& child : node.children) check_group(child, node.is_model);
  if (node.weights.empty() || !node.known || !node.storable) return;
  const std::string vars = vars_path_of(node.group);
  const std::string where = what_ + ": layer '" + node.name + "': ";
  if (!file_->has(vars)) throw std::invalid_argument(where + "its weights are missing (no group '" + vars + "')");
  if (named && file_->has_attribute(vars, "name")) {
    const std::vector<std::string> names = file_->strings(vars, "name");
    if (names.size() != 1 || !is_same_layer_name(node.layer, names[0], node.class_name))
      throw std::invalid_argument(where + "group '" + vars + "' holds the weights of '" +
                                  (names.empty() ? "" : names[0]) + "'");
  }
  if (const std::size_t found = file_->count(vars); found != node.weights.size())
    throw std::invalid_argument(where + counts(node.weights.size(), found) + " in '" + vars + "'");
  for (std::size_t i = 0; i < node.weights.size(); ++i) {
    const std::string dataset = vars + "/" + std::to_string(i);
    check_weight_shape(what_, node, i, dataset, file_->shape(dataset));
  }
}

}  // namespace sepconv::keras
