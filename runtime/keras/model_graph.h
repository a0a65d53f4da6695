#pragma once
// The layers of a model and the calls between them: Functional, Sequential and nested models, as one flat list of
// calls.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model_document.h"
#include "shape_rules.h"

namespace sepconv::keras {

/// One layer object. A layer inside nested models has one entry, however often the models around it are called.
struct ModelLayer {
  std::string name;               // "outer/inner" for layers of nested models
  std::vector<std::string> path;  // {"outer", "inner"}
  std::string class_name;
  bool custom = false;                   // a class that is not Keras' own
  std::string why_custom;                // how that is known
  bool holds_layers = false;             // a TimeDistributed layer, whose weights are those of the layers inside
  bool training = false;                 // it, or a model around it, is called as in training
  const nlohmann::json* json = nullptr;  // the whole layer object; lives in the document
  std::string group;                     // its group in model.weights.h5, below "layers": "functional/layers/conv2d_1"
  std::vector<int> calls;                // indices into ModelGraph::calls

  const nlohmann::json& config() const;
  std::string title() const { return class_name + " '" + name + "'"; }
};

struct TensorRef {
  int call = -1;
  int output = 0;
};

/// The two ends of a TimeDistributed layer's call: time becomes a part of the batch for the layers inside.
enum class TimeAxis { untouched, into_batch, out_of_batch };

/// One use of a layer, or an input of the model.
struct LayerCall {
  int layer = -1;  // index into ModelGraph::layers; -1 for an input of the model
  std::vector<TensorRef> inputs;
  std::optional<Shape> shape;                      // of the (first) output
  std::vector<std::optional<Shape>> input_shapes;  // parallel to inputs
  std::vector<int> consumers;                      // calls that read an output of this one, once per reading
  bool is_output = false;                          // an output of the model
  TimeAxis time = TimeAxis::untouched;
  int time_taken_at = -1;  // of out_of_batch: the call that took this time into the batch
};

struct ModelGraph {
  std::vector<ModelLayer> layers;  // in the model's order
  std::vector<LayerCall> calls;    // inputs before users
};

/// @param input_shape  replaces unknown extents of the model's inputs, without the batch; empty for none
/// @throws std::invalid_argument naming the file when the model's structure makes no sense, or when input_shape
///         contradicts every input of the model.
ModelGraph build_graph(const ModelDocument& document, const std::vector<std::int32_t>& input_shape);

/// "SeparableConv2D" -> "separable_conv2d", as Keras names groups of weights.
std::string snake_case(const std::string& class_name);

}  // namespace sepconv::keras
