#pragma once
// The layers of a model and the calls between them: Functional, Sequential and nested models, as one flat list of
// calls.

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/keras/model_document.h"
#include "runtime/keras/shape_rules.h"
#include "sepconv/detail/model_options.h"

namespace sepconv::keras {

/// One layer object. A layer inside nested models has one entry, however often the models around it are called.
struct ModelLayer {
  std::string name;               // "outer/inner" for layers of nested models
  std::vector<std::string> path;  // {"outer", "inner"}
  std::string class_name;
  bool custom = false;                   // a class that is not Keras' own
  std::string why_custom;                // how that is known
  bool holds_layers = false;             // a TimeDistributed layer, whose weights are those of the layers inside
  bool size_depends_on_version = false;  // strides with dilation, which early tf.keras 2 took in its own way
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
  int layer = -1;                              // index into ModelGraph::layers; -1 for an input of the model
  std::string input_name;                      // of an input of the model
  const nlohmann::json* node = nullptr;        // the call's arguments in the document; null in Sequential models
  std::vector<TensorRef> inputs;               // all tensors among them
  std::vector<const nlohmann::json*> tensors;  // where these stand in the node
  Shapes shapes;                               // of the outputs
  Shapes input_shapes;                         // parallel to inputs
  Shapes recorded;                             // the same as the file has it
  Shapes expected;                             // what nested models that read the outputs were built for
  bool nested = false;                         // in a nested model, which may be called at another size
  int outputs_read = 1;                        // up to the last one that a layer or a nested model reads
  int lost_at = -1;                            // the call behind which the extents are not known
  std::vector<int> consumers;                  // calls that read an output of this one, once per reading
  bool is_output = false;                      // an output of the model
  TimeAxis time = TimeAxis::untouched;
  int time_taken_at = -1;  // of out_of_batch: the call that took this time into the batch

  std::optional<Shape> shape(int output) const {
    const auto index = static_cast<std::size_t>(output);
    return index < shapes.size() ? shapes[index] : std::nullopt;
  }
};

struct ModelGraph {
  std::vector<ModelLayer> layers;          // in the model's order
  std::vector<LayerCall> calls;            // inputs before users
  std::vector<TensorRef> inputs, outputs;  // of the model, in its order
  std::vector<std::string> output_names;   // Keras': of the layers or the nested models whose outputs they are
};

/// How many channels a convolution reads, by its weights; nothing where they are not known.
using ChannelsOf = std::function<std::optional<std::int64_t>(const ModelLayer& layer)>;

/// @throws std::invalid_argument naming the file when the model's structure makes no sense, or when a shape of the
///         options names nothing, or contradicts the model.
ModelGraph build_graph(const ModelDocument& document, const ModelOptions& options, const ChannelsOf& channels = {});

/// True for a serialised Functional or Sequential model.
bool is_model(const nlohmann::json& object);

/// "SeparableConv2D" -> "separable_conv2d", as Keras names groups of weights.
std::string snake_case(const std::string& class_name);

}  // namespace sepconv::keras
