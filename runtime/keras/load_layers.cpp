#include "sepconv/load_layers.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "json_text.h"
#include "layer_weights.h"
#include "model_graph.h"
#include "object_config.h"
#include "sepconv/keras_layer.h"
#include "sepconv/layer_from_config.h"

namespace sepconv {
namespace {

using keras::LayerCall;
using keras::ModelGraph;
using keras::ModelLayer;

bool is_known(const std::string& class_name) {
  return class_name == "SeparableConv1D" || class_name == "SeparableConv2D" || class_name == "DepthwiseConv1D" ||
         class_name == "DepthwiseConv2D";
}

/// What the layer gets from the layer before it, without the batch.
std::optional<Shape> input_shape(const ModelGraph& graph, const ModelLayer& layer) {
  for (const int index : layer.calls) {
    const LayerCall& call = graph.calls[static_cast<std::size_t>(index)];
    if (call.input_shapes.empty() || !call.input_shapes.front() || call.input_shapes.front()->empty()) continue;
    const keras::Shape& with_batch = *call.input_shapes.front();
    return Shape(with_batch.begin() + 1, with_batch.end());
  }
  return std::nullopt;
}

Tensor tensor_of(const KerasArray& array) { return make_tensor(array.values, array.shape, array.dtype); }

/// The layer without what training alone needs and this library does not know, such as another author's regularizer.
nlohmann::json for_inference(nlohmann::json layer, KerasRules rules) {
  const nlohmann::json config = keras::member(layer, "config");
  for (const auto& [key, value] : config.items()) {
    try {
      if (key.ends_with("_initializer")) keras::initializer_from_json(value, key);
      if (key.ends_with("_regularizer")) keras::regularizer_from_json(value, key, rules);
      if (key.ends_with("_constraint")) keras::constraint_from_json(value, key, rules);
    } catch (const std::invalid_argument&) {
      layer["config"].erase(key);
    }
  }
  return layer;
}

KerasConvLayer load_layer(const ModelGraph& graph, const ModelLayer& entry, const keras::LayerWeights& weights,
                          KerasRules rules) {
  // Without weights in the file, those that the initializers make are the layer's.
  KerasConvLayer layer = layer_from_config(weights.available() ? for_inference(*entry.json, rules) : *entry.json,
                                           FromConfigOptions(rules));
  if (!layer.built()) {
    const std::optional<Shape> shape = input_shape(graph, entry);
    if (!shape) return layer;
    layer.build(*shape);
  }
  if (!weights.available()) return layer;
  std::vector<Tensor> tensors;
  for (const KerasArray& array : weights.read(entry, layer.weight_names().size())) tensors.push_back(tensor_of(array));
  layer.set_weights(tensors);
  return layer;
}

}  // namespace

std::vector<LoadedLayer> load_layers(const std::filesystem::path& model, const ModelOptions& options) {
  const keras::ModelDocument document = keras::read_document(model);
  const keras::LayerWeights weights(document);
  const ModelGraph graph = keras::build_graph(document, options, keras::channels_of_weights(weights, document.rules));
  std::vector<LoadedLayer> layers;
  for (const ModelLayer& entry : graph.layers) {
    if (entry.custom || !is_known(entry.class_name)) continue;
    const auto refuse = [&](const std::exception& error) {
      throw std::invalid_argument(model.string() + ": layer '" + entry.name + "': " + error.what());
    };
    try {
      layers.push_back({entry.name, load_layer(graph, entry, weights, document.rules)});
    } catch (const std::logic_error& error) {
      refuse(error);
    } catch (const NotCompiledError& error) {
      refuse(error);
    }
  }
  return layers;
}

}  // namespace sepconv
