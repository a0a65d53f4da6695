#pragma once
// A model as its JSON has it: layers and nested models with their calls, before those are unfolded into one list.

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "runtime/keras/model_graph.h"

namespace sepconv::keras {

// A model nested in itself many times over would otherwise unfold without end.
inline constexpr std::size_t kMaxCalls = 200000;

/// A tensor as the JSON names it: layer, call of that layer, output of that call.
struct NamedTensor {
  std::size_t item = 0;
  std::int64_t node = 0;  // from 0
  std::int64_t output = 0;
  std::optional<Shape> shape;
  const nlohmann::json* source = nullptr;  // where it stands
  bool by_keyword = false;                 // an argument with a name, such as a mask
};

struct ModelSpec;

/// A layer or nested model of one model, with its calls.
struct ModelItem {
  std::string name;
  int layer = -1;
  std::unique_ptr<ModelSpec> model;  // a nested model, or what a TimeDistributed layer holds
  bool is_timed = false;
  bool holds_layers = false;  // another author's class with layers of its own: a subclass of Sequential, perhaps
  bool is_input = false;
  std::optional<Shape> input_shape;  // of an InputLayer
  std::vector<std::vector<NamedTensor>> nodes;
  std::vector<const nlohmann::json*> node_json;  // parallel to nodes where the model's JSON has them
};

struct ModelSpec {
  std::string what;
  bool is_sequential = false;
  std::vector<ModelItem> items;
  std::vector<NamedTensor> inputs, outputs;
};

/// Reads the document's model, and adds its layers to the graph.
/// @throws std::invalid_argument naming the file when the structure makes no sense
ModelSpec read_model_spec(const ModelDocument& document, ModelGraph& graph);

}  // namespace sepconv::keras
