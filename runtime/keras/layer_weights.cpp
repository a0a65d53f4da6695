#include "layer_weights.h"

#include <algorithm>
#include <stdexcept>

namespace sepconv::keras {
namespace {

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

bool contains(const std::vector<std::string>& parts, const std::string& part) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

}  // namespace

ChannelsOf channels_of_weights(const LayerWeights& weights, KerasRules rules) {
  return [&weights, rules](const ModelLayer& layer) -> std::optional<std::int64_t> {
    if (!weights.available()) return std::nullopt;
    try {
      const ConvLayerConfig config = conv_layer_config(*layer.json, rules);
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

LayerWeights::LayerWeights(const ModelDocument& document) : form_(document.weights_form) {
  if (form_ == WeightsForm::none) return;
  const bool legacy = form_ == WeightsForm::legacy;
  file_ = std::make_unique<Hdf5File>(document.weights, document.file + (legacy ? "" : ": model.weights.h5"));
  if (legacy) layer_names_ = file_->chunked_strings("/model_weights", "layer_names");
}

std::vector<KerasArray> LayerWeights::read(const ModelLayer& layer, std::size_t count) const {
  return form_ == WeightsForm::legacy ? read_legacy(layer, count) : read_group(layer, count);
}

std::vector<KerasArray> LayerWeights::read_all(const ModelLayer& layer) const {
  if (layer.holds_layers) return {};
  if (form_ != WeightsForm::legacy) {
    const std::string vars = vars_path_of(layer);
    return file_->has(vars) ? read_group(layer, file_->count(vars)) : std::vector<KerasArray>{};
  }
  const std::string& top = layer.path.front();
  if (std::find(layer_names_.begin(), layer_names_.end(), top) == layer_names_.end()) return {};
  const std::vector<std::string> names = file_->chunked_strings("/model_weights/" + top, "weight_names");
  const auto count = std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    const std::vector<std::string> parts = parts_of(name);
    if (layer.path.size() > 1) return parts.size() >= 2 && parts[parts.size() - 2] == layer.path.back();
    return parts.size() <= 2 || parts[parts.size() - 2] == top;  // else of a layer inside
  });
  return count == 0 ? std::vector<KerasArray>{} : read_legacy(layer, static_cast<std::size_t>(count));
}

std::size_t LayerWeights::count() const {
  if (form_ == WeightsForm::keras3) {
    std::size_t count = 0;
    for (const std::string root : {kWeightsRoot, kOldWeightsRoot})
      if (has_root(root)) count += file_->count_datasets("/" + root);
    return count;
  }
  std::size_t count = 0;
  for (const std::string& name : layer_names_)
    count += file_->chunked_strings("/model_weights/" + name, "weight_names").size();
  return count;
}

std::string LayerWeights::vars_path_of(const ModelLayer& layer) const {
  return vars_path(layer.group, !has_root(kWeightsRoot) && has_root(kOldWeightsRoot) ? kOldWeightsRoot : kWeightsRoot);
}

std::vector<KerasArray> LayerWeights::read_group(const ModelLayer& layer, std::size_t count) const {
  const std::string vars = vars_path_of(layer);
  const std::string where = file_->what() + ": layer '" + layer.name + "'";
  if (!file_->has(vars)) throw std::invalid_argument(where + ": its weights are missing (no group '" + vars + "')");
  if (file_->has_attribute(vars, "name")) {
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
  for (std::size_t i = 0; i < count; ++i) arrays.push_back(file_->array(vars + "/" + std::to_string(i)));
  return arrays;
}

std::vector<KerasArray> LayerWeights::read_legacy(const ModelLayer& layer, std::size_t count) const {
  const std::string where = file_->what() + ": layer '" + layer.name + "'";
  if (std::find(layer_names_.begin(), layer_names_.end(), layer.path.front()) == layer_names_.end())
    throw std::invalid_argument(where + ": its weights are missing (not among layer_names)");
  const std::string group = "/model_weights/" + layer.path.front();
  std::vector<std::string> names = file_->chunked_strings(group, "weight_names");
  if (layer.path.size() > 1) {
    // A nested model lists the weights of all its layers; each name ends in <layer>/<weight>. tf.keras 2 names those of
    // a layer inside of TimeDistributed by the outer one.
    const std::vector<std::string> all = names;
    const auto keep_if = [&names](const auto& wanted) {
      std::vector<std::string> kept;
      std::copy_if(names.begin(), names.end(), std::back_inserter(kept),
                   [&](const std::string& name) { return wanted(parts_of(name)); });
      names = std::move(kept);
    };
    keep_if([&](const std::vector<std::string>& parts) {
      return parts.size() >= 2 && parts[parts.size() - 2] == layer.path.back();
    });
    if (names.size() > count && layer.path.size() > 2)
      keep_if(
          [&](const std::vector<std::string>& parts) { return contains(parts, layer.path[layer.path.size() - 2]); });
    if (names.empty()) names = all;
  }
  if (names.size() != count)
    throw std::invalid_argument(where + ": expected " + std::to_string(count) +
                                " weights. Received: " + std::to_string(names.size()));
  std::vector<KerasArray> arrays;
  for (const std::string& name : names) arrays.push_back(file_->array(group + "/" + name));
  return arrays;
}

}  // namespace sepconv::keras
