#include "sepconv/load_layers.h"

#include <algorithm>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "runtime/keras/given_weights.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "runtime/keras/object_config.h"
#include "runtime/keras/shape_rules.h"
#include "sepconv/detail/keras_layer.h"
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

/// What the layer gets from the layer before it.
std::optional<keras::Shape> with_batch(const ModelGraph& graph, const ModelLayer& layer) {
  for (const int index : layer.calls) {
    const LayerCall& call = graph.calls[static_cast<std::size_t>(index)];
    if (call.input_shapes.empty() || !call.input_shapes.front() || call.input_shapes.front()->empty()) continue;
    return call.input_shapes.front();
  }
  return std::nullopt;
}

std::optional<Shape> input_shape(const ModelGraph& graph, const ModelLayer& layer) {
  const std::optional<keras::Shape> shape = with_batch(graph, layer);
  return shape ? std::optional<Shape>(Shape(shape->begin() + 1, shape->end())) : std::nullopt;
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

/// Refuses a layer whose configuration asks for other weights than the file's, or for absurd ones, before memory is
/// taken for them.
void check_sizes(const ModelGraph& graph, const ModelLayer& entry, const std::vector<KerasArray>& arrays,
                 KerasRules rules) {
  const LayerConfig config = conv_layer_config(*entry.json, rules);
  for (std::optional<keras::Shape> shape : {keras::declared_input_shape(*entry.json), with_batch(graph, entry)}) {
    if (!shape || shape->size() != static_cast<std::size_t>(config.rank) + 2) continue;
    const std::int64_t channels = config.layout == Layout::nhwc ? shape->back() : (*shape)[1];
    if (channels <= 0) continue;
    const std::vector<KerasWeight> wanted = conv_weight_shapes(config, channels);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      std::int64_t elements = 1;
      for (const std::int64_t extent : wanted[i].shape)
        if (__builtin_mul_overflow(elements, extent, &elements) || elements > std::numeric_limits<std::int32_t>::max())
          throw std::invalid_argument("its " + wanted[i].name + " has more than 2^31 - 1 elements");
      if (i < arrays.size() && arrays[i].shape != wanted[i].shape)
        throw std::invalid_argument("its " + wanted[i].name + " must have shape " + keras::shape_text(wanted[i].shape) +
                                    ". Received: " + keras::shape_text(arrays[i].shape));
    }
  }
}

KerasConvLayer load_layer(const ModelGraph& graph, const ModelLayer& entry, const keras::LayerWeights& weights,
                          KerasRules rules) {
  const std::vector<KerasArray> arrays = weights.available() ? weights.read_all(entry) : std::vector<KerasArray>{};
  check_sizes(graph, entry, arrays, rules);
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

std::vector<LoadedLayer> load_layers(const std::filesystem::path& model, const ModelOptions& options,
                                     NoWeights no_weights) {
  const keras::ModelDocument document = keras::read_document(model, options.weights);
  const keras::LayerWeights weights(document);
  if (no_weights == NoWeights::refuse && !weights.available()) throw std::invalid_argument(keras::no_weights(model));
  const ModelGraph graph = keras::build_graph(document, options, keras::channels_of_weights(weights, document.rules));
  std::vector<LoadedLayer> layers;
  for (const ModelLayer& entry : graph.layers) {
    if (entry.custom || !is_known(entry.class_name)) continue;
    const auto refuse = [&](const std::exception& error) {
      throw std::invalid_argument(model.string() + ": layer '" + entry.name + "': " + error.what());
    };
    try {
      layers.push_back({entry.name, load_layer(graph, entry, weights, document.rules)});
    } catch (const std::bad_alloc&) {
      throw std::invalid_argument(model.string() + ": layer '" + entry.name + "': its weights do not fit into memory");
    } catch (const std::logic_error& error) {
      refuse(error);
    } catch (const NotCompiledError& error) {
      refuse(error);
    }
  }
  return layers;
}

}  // namespace sepconv
