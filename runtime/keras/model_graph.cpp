#include "model_graph.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>

#include "call_arguments.h"
#include "graph_shapes.h"
#include "json_text.h"
#include "layer_class.h"
#include "shape_math.h"
#include "time_distributed.h"
#include "weight_layout.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

// A model nested in itself many times over would otherwise unfold without end.
constexpr std::size_t kMaxCalls = 200000;
// The same for models without layers, which make no calls: layers and tensors passed on the way.
constexpr std::size_t kMaxSteps = 10 * kMaxCalls;

/// A tensor as the JSON names it: layer, call of that layer, output of that call.
struct NamedTensor {
  std::size_t item = 0;
  std::int64_t node = 0;
  std::int64_t output = 0;
  std::optional<Shape> shape;
  const json* source = nullptr;  // where it stands
  bool by_keyword = false;       // an argument with a name, such as a mask
};

struct ModelSpec;

/// A layer or nested model of one model, with its calls.
struct Item {
  std::string name;
  int layer = -1;
  std::unique_ptr<ModelSpec> model;  // a nested model, or what a TimeDistributed layer holds
  bool is_timed = false;
  bool is_input = false;
  std::optional<Shape> input_shape;  // of an InputLayer
  std::vector<std::vector<NamedTensor>> nodes;
  std::vector<const json*> node_json;  // parallel to nodes where the model's JSON has them
};

struct ModelSpec {
  std::string what;
  std::vector<Item> items;
  std::vector<NamedTensor> inputs, outputs;
};

std::string string_of(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

/// True when a layer was called with training=True: it then behaves otherwise than at inference.
bool called_for_training(const json& value) {
  if (value.is_object() && truthy_member(value, "training", false)) return true;
  if (!value.is_object() && !value.is_array()) return false;
  return std::any_of(value.begin(), value.end(), [](const json& item) { return called_for_training(item); });
}

bool above_one(const json& config, const char* key) {
  const json& value = member(config, key);
  const auto above = [](const json& item) { return item.is_number() && item.get<double>() > 1; };
  return above(value) || (value.is_array() && std::any_of(value.begin(), value.end(), above));
}

std::string name_of(const json& layer) {
  const std::string name = string_of(member(layer, "name"));
  return name.empty() ? string_of(member(member(layer, "config"), "name")) : name;
}

/// What a layer gets from the model around it.
struct Place {
  std::vector<std::string> path;  // the layer's own name included
  std::string group;
  bool training = false;
};

class SpecReader {
 public:
  SpecReader(const ModelDocument& document, ModelGraph& graph)
      : file_(document.file),
        rules_(document.rules),
        // JSON by itself may be somebody's own; a version in it shows that Keras wrote it.
        written_by_keras_(document.weights_form != WeightsForm::none || document.json.contains("keras_version")),
        graph_(graph) {}

  /// @param place  of the model; nothing for the outermost one
  ModelSpec read(const json& object, const Place& place = {}) {
    const json& config = member(object, "config");
    ModelSpec spec;
    const std::string name = string_of(member(config, "name"));
    spec.what = file_ + ": model '" + name + "'";
    const bool sequential = member(object, "class_name") == "Sequential";
    const json& layers = config.is_array() ? config : member(config, "layers");
    GroupNames groups;
    for (const json& layer : layers) {
      const std::string class_name = string_of(member(layer, "class_name"));
      if (class_name.empty()) throw std::invalid_argument(spec.what + ": a layer has no class_name");
      const bool is_input = class_name == "InputLayer";
      Place own = place;
      own.path.push_back(name_of(layer));
      // Sequential keeps its InputLayer apart.
      own.group = is_input && sequential ? "" : groups.next(class_name, is_model(layer));
      if (!place.group.empty()) own.group = place.group + "/layers/" + own.group;
      own.training = place.training || called_for_training(member(layer, "inbound_nodes"));
      if (is_input) {
        Item item;
        item.name = own.path.back();
        item.is_input = true;
        item.input_shape = first_layer_input_shape(layer);
        spec.items.push_back(std::move(item));
      } else {
        spec.items.push_back(read_item(layer, own));
      }
    }
    if (sequential)
      connect_in_sequence(spec, layers, place.path.empty() ? size_of_sequential(object) : std::nullopt);
    else
      connect(spec, config, layers);
    return spec;
  }

 private:
  /// A layer, a nested model, or a TimeDistributed layer and what it holds.
  Item read_item(const json& layer, const Place& place) {
    Item item;
    item.name = place.path.back();
    if (is_model(layer)) {
      item.model = std::make_unique<ModelSpec>(read(layer, place));
      return item;
    }
    if (graph_.layers.size() > kMaxCalls) throw std::invalid_argument(file_ + ": too many layers");
    item.layer = static_cast<int>(graph_.layers.size());
    graph_.layers.push_back(make_layer(layer, place));
    const json& inner = member(member(layer, "config"), "layer");
    ModelLayer& made = graph_.layers.back();
    if (made.class_name != "TimeDistributed" || made.custom || !member(inner, "class_name").is_string()) return item;
    made.holds_layers = true;
    item.is_timed = true;
    item.model = std::make_unique<ModelSpec>(read_timed(inner, place));
    return item;
  }

  /// The model inside of a TimeDistributed layer, or one made of the only layer inside.
  ModelSpec read_timed(const json& inner, const Place& outer) {
    Place place = outer;
    place.path.push_back(name_of(inner));
    if (place.path.back().empty()) place.path.back() = snake_case(string_of(member(inner, "class_name")));
    place.group += "/layer";
    if (is_model(inner)) return read(inner, place);
    ModelSpec spec;
    spec.what = file_ + ": layer '" + outer.path.back() + "'";
    Item input;
    input.is_input = true;
    input.name = "input";
    input.nodes.emplace_back();
    Item only = read_item(inner, place);
    only.nodes = {{{0, 0, 0, std::nullopt, nullptr}}};
    spec.items.push_back(std::move(input));
    spec.items.push_back(std::move(only));
    spec.inputs = {{0, 0, 0, std::nullopt, nullptr}};
    spec.outputs = {{1, 0, 0, std::nullopt, nullptr}};
    return spec;
  }

  ModelLayer make_layer(const json& layer, const Place& place) const {
    ModelLayer result;
    for (const std::string& part : place.path) result.name += (result.name.empty() ? "" : "/") + part;
    result.path = place.path;
    result.class_name = string_of(member(layer, "class_name"));
    if (const auto why = foreign_class(layer, written_by_keras_)) {
      result.custom = true;
      result.why_custom = *why;
    }
    result.training = place.training;
    result.size_depends_on_version = rules_ == KerasRules::tf_keras_2 &&
                                     above_one(member(layer, "config"), "strides") &&
                                     above_one(member(layer, "config"), "dilation_rate");
    result.json = &layer;
    result.group = place.group;
    return result;
  }

  /// What a Sequential model without an InputLayer was built for. Inside of another model, that one tells.
  static std::optional<Shape> size_of_sequential(const json& object) {
    const auto shape = shape_from_json(member(member(object, "config"), "build_input_shape"));
    return shape ? shape : built_input_shape(object);
  }

  static void connect_in_sequence(ModelSpec& spec, const json& layers, const std::optional<Shape>& built) {
    if (spec.items.empty() || !spec.items[0].is_input) {
      Item input;
      input.is_input = true;
      input.name = "input";
      // Without an InputLayer the shape stands in the first layer, or in the model that was built later.
      if (!layers.empty()) input.input_shape = first_layer_input_shape(layers[0]);
      if (!input.input_shape) input.input_shape = built;
      spec.items.insert(spec.items.begin(), std::move(input));
    }
    for (std::size_t i = 0; i < spec.items.size(); ++i) {
      Item& item = spec.items[i];
      if (i > 0 && item.is_input) throw std::invalid_argument(spec.what + ": an InputLayer in the middle");
      item.nodes.push_back(i == 0 ? std::vector<NamedTensor>{}
                                  : std::vector<NamedTensor>{{i - 1, 0, 0, std::nullopt, nullptr}});
    }
    spec.inputs = {{0, 0, 0, std::nullopt, nullptr}};
    spec.outputs = {{spec.items.size() - 1, 0, 0, std::nullopt, nullptr}};
  }

  void connect(ModelSpec& spec, const json& config, const json& layers) {
    std::map<std::string, std::size_t> index;
    for (std::size_t i = 0; i < spec.items.size(); ++i)
      if (!index.emplace(spec.items[i].name, i).second)
        throw std::invalid_argument(spec.what + ": two layers are named '" + spec.items[i].name + "'");
    for (std::size_t i = 0; i < spec.items.size(); ++i) {
      Item& item = spec.items[i];
      const json& nodes = member(layers[i], "inbound_nodes");
      if (item.is_input) {
        item.nodes.emplace_back();
      } else if (nodes.is_array()) {
        for (const json& node : nodes) {
          item.nodes.emplace_back();
          item.node_json.push_back(&node);
          collect(node, index, spec.what + ": layer '" + item.name + "'", item.nodes.back());
        }
      }
    }
    collect(member(config, "input_layers"), index, spec.what + ": input_layers", spec.inputs);
    collect(member(config, "output_layers"), index, spec.what + ": output_layers", spec.outputs);
    if (spec.outputs.empty()) throw std::invalid_argument(spec.what + ": it has no outputs");
  }

  /// Finds the tensors in a node or a list of ends: Keras 3's __keras_tensor__ objects, and [name, node, output] lists.
  static void collect(const json& value, const std::map<std::string, std::size_t>& index, const std::string& what,
                      std::vector<NamedTensor>& tensors, bool by_keyword = false) {
    if (value.is_object()) {
      if (member(value, "class_name") == "__keras_tensor__") {
        const json& config = member(value, "config");
        const std::size_t before = tensors.size();
        collect(member(config, "keras_history"), index, what, tensors, by_keyword);
        if (tensors.size() == before + 1) {
          tensors.back().shape = shape_from_json(member(config, "shape"));
          tensors.back().source = &value;
        }
        return;
      }
      for (const auto& [key, item] : value.items()) collect(item, index, what, tensors, by_keyword || key == "kwargs");
      return;
    }
    if (!value.is_array()) return;
    if (is_constant(value)) {
      for (std::size_t i = 3; i < value.size(); ++i) collect(value[i], index, what, tensors, true);
      return;
    }
    if (value.size() >= 3 && value[0].is_string() && value[1].is_number_integer() && value[2].is_number_integer()) {
      const auto found = index.find(value[0].get<std::string>());
      if (found == index.end())
        throw std::invalid_argument(what + ": reads a tensor of '" + value[0].get<std::string>() +
                                    "', which is no layer of the model");
      tensors.push_back({found->second, value[1].get<std::int64_t>(), value[2].get<std::int64_t>(), std::nullopt,
                         &value, by_keyword});
      // tf.keras 2 puts further arguments, which may be tensors too, behind.
      for (std::size_t i = 3; i < value.size(); ++i) collect(value[i], index, what, tensors, true);
      return;
    }
    for (const json& item : value) collect(item, index, what, tensors, by_keyword);
  }

  const std::string& file_;
  KerasRules rules_;
  bool written_by_keras_;
  ModelGraph& graph_;
};

/// Unfolds specs into calls.
class Unfolder {
 public:
  Unfolder(ModelGraph& graph, const std::string& file) : graph_(graph), file_(file) {}

  /// @param arguments  tensors for the model's inputs; nothing for the outermost model, whose inputs become calls
  std::vector<TensorRef> unfold(const ModelSpec& spec, const std::vector<TensorRef>* arguments) {
    if (arguments && arguments->size() != spec.inputs.size())
      throw std::invalid_argument(spec.what + ": called with " + std::to_string(arguments->size()) +
                                  " tensors; it has " + std::to_string(spec.inputs.size()) + " inputs");
    count_steps(spec, spec.items.size());
    // Outputs of each call of each item, filled as their inputs become known.
    std::vector<std::vector<std::vector<TensorRef>>> values(spec.items.size());
    std::vector<std::vector<std::size_t>> missing(spec.items.size());
    std::map<std::pair<std::size_t, std::size_t>, std::vector<std::pair<std::size_t, std::size_t>>> readers;
    std::set<std::pair<std::size_t, std::size_t>> ready;
    std::size_t nodes = 0, done = 0;
    for (std::size_t i = 0; i < spec.items.size(); ++i) {
      const Item& item = spec.items[i];
      values[i].resize(item.nodes.size());
      for (std::size_t n = 0; n < item.nodes.size(); ++n, ++nodes) {
        for (const NamedTensor& tensor : item.nodes[n])
          readers[{tensor.item, node_index(spec, tensor)}].push_back({i, n});
        count_steps(spec, 1 + item.nodes[n].size());
        missing[i].push_back(item.nodes[n].size());
        if (item.nodes[n].empty()) ready.insert({i, n});
      }
    }
    for (std::size_t i = 0; arguments && i < spec.inputs.size(); ++i)
      bind(spec.items[spec.inputs[i].item], (*arguments)[i], values[spec.inputs[i].item]);
    while (!ready.empty()) {
      const auto [i, n] = *ready.begin();
      ready.erase(ready.begin());
      ++done;
      run_node(spec, i, n, values);
      for (const auto& [reader_item, reader_node] : readers[{i, n}])
        if (--missing[reader_item][reader_node] == 0) ready.insert({reader_item, reader_node});
    }
    if (done != nodes) throw std::invalid_argument(spec.what + ": its layers form a cycle");
    std::vector<TensorRef> outputs;
    for (const NamedTensor& tensor : spec.outputs) outputs.push_back(resolve(spec, tensor, values));
    return outputs;
  }

 private:
  static std::size_t node_index(const ModelSpec& spec, const NamedTensor& tensor) {
    const Item& item = spec.items[tensor.item];
    auto index = tensor.node;
    const auto count = static_cast<std::int64_t>(item.nodes.size());
    // A nested model is called once by its own construction; Keras counts that call in some places.
    if (item.model && !item.is_timed && index == count) --index;
    if (index < 0 || index >= count)
      throw std::invalid_argument(spec.what + ": call " + std::to_string(tensor.node) + " of layer '" + item.name +
                                  "' is read, but there is no such call");
    return static_cast<std::size_t>(index);
  }

  static TensorRef resolve(const ModelSpec& spec, const NamedTensor& tensor,
                           const std::vector<std::vector<std::vector<TensorRef>>>& values) {
    const std::vector<TensorRef>& outputs = values[tensor.item][node_index(spec, tensor)];
    const auto index = static_cast<std::size_t>(tensor.output);
    constexpr std::int64_t kMaxIndex = 1 << 16;
    if (tensor.output >= 0 && index < outputs.size()) return outputs[index];
    // Layers of several outputs have one entry here; all of them are unknown to the rules for shapes.
    if (!spec.items[tensor.item].model && !outputs.empty() && tensor.output > 0 && tensor.output < kMaxIndex)
      return {outputs[0].call, static_cast<int>(tensor.output)};
    throw std::invalid_argument(spec.what + ": output " + std::to_string(tensor.output) + " of layer '" +
                                spec.items[tensor.item].name + "' is read, but there is no such output");
  }

  /// Makes a tensor of the outer model the input of a nested one.
  void bind(const Item& input, const TensorRef& argument, std::vector<std::vector<TensorRef>>& values) {
    if (!input.is_input) return;
    values[0] = {argument};
    Shapes& expected = graph_.calls[static_cast<std::size_t>(argument.call)].expected;
    const auto output = static_cast<std::size_t>(argument.output);
    if (output >= kMaxOutputs) return;
    if (expected.size() <= output) expected.resize(output + 1);
    expected[output] = merged(expected[output], input.input_shape);
  }

  void run_node(const ModelSpec& spec, std::size_t i, std::size_t n,
                std::vector<std::vector<std::vector<TensorRef>>>& values) {
    const Item& item = spec.items[i];
    if (graph_.calls.size() > kMaxCalls) throw std::invalid_argument(spec.what + ": too many layer calls");
    if (item.is_input && !values[i][n].empty()) return;  // bound to an argument
    LayerCall call;
    for (const NamedTensor& tensor : item.nodes[n]) {
      call.inputs.push_back(resolve(spec, tensor, values));
      call.recorded.push_back(tensor.shape);
      call.tensors.push_back(tensor.source);
    }
    if (n < item.node_json.size()) call.node = item.node_json[n];
    if (item.model) keep_inputs(item, n, call);
    if (item.is_timed) {
      values[i][n] = unfold_timed(item, call);
    } else if (item.model) {
      ++depth_;
      values[i][n] = unfold(*item.model, &call.inputs);
      --depth_;
    } else {
      call.layer = item.layer;
      if (item.is_input) {
        call.input_name = item.name;
        call.shapes = {item.input_shape};
      }
      values[i][n] = {add_call(std::move(call))};
    }
  }

  /// A model's call without what comes by keyword, such as a mask, which has no effect on a convolution.
  static void keep_inputs(const Item& item, std::size_t n, LayerCall& call) {
    const std::vector<NamedTensor>& tensors = item.nodes[n];
    const auto positional =
        std::count_if(tensors.begin(), tensors.end(), [](auto& tensor) { return !tensor.by_keyword; });
    if (static_cast<std::size_t>(positional) < item.model->inputs.size()) return;  // model(inputs=x)
    LayerCall kept = call;
    kept.inputs.clear();
    kept.recorded.clear();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].by_keyword) continue;
      kept.inputs.push_back(call.inputs[i]);
      kept.recorded.push_back(call.recorded[i]);
    }
    call = std::move(kept);
  }

  /// Time goes into the batch before the layers inside, and comes out of it behind them.
  std::vector<TensorRef> unfold_timed(const Item& item, const LayerCall& outer) {
    std::vector<TensorRef> inputs, outputs;
    for (std::size_t i = 0; i < outer.inputs.size(); ++i) {
      LayerCall call;
      call.layer = item.layer;
      call.time = TimeAxis::into_batch;
      call.inputs = {outer.inputs[i]};
      call.recorded = {outer.recorded[i]};
      inputs.push_back(add_call(std::move(call)));
    }
    if (inputs.empty()) throw std::invalid_argument(item.model->what + ": a TimeDistributed layer reads nothing");
    ++depth_;
    const std::vector<TensorRef> inner_outputs = unfold(*item.model, &inputs);
    --depth_;
    for (const TensorRef& inner : inner_outputs) {
      LayerCall call;
      call.layer = item.layer;
      call.time = TimeAxis::out_of_batch;
      call.time_taken_at = inputs.front().call;
      call.inputs = {inner};
      call.recorded = {std::nullopt};
      outputs.push_back(add_call(std::move(call)));
    }
    return outputs;
  }

  TensorRef add_call(LayerCall call) {
    if (graph_.calls.size() > kMaxCalls) throw std::invalid_argument(file_ + ": too many layer calls");
    const int index = static_cast<int>(graph_.calls.size());
    call.nested = depth_ > 0;
    for (const TensorRef& input : call.inputs) {
      LayerCall& source = graph_.calls[static_cast<std::size_t>(input.call)];
      source.consumers.push_back(index);
      source.outputs_read = std::max(source.outputs_read, input.output + 1);
    }
    if (call.layer >= 0) graph_.layers[static_cast<std::size_t>(call.layer)].calls.push_back(index);
    graph_.calls.push_back(std::move(call));
    return {index, 0};
  }

  void count_steps(const ModelSpec& spec, std::size_t steps) {
    steps_ += steps;
    if (steps_ > kMaxSteps) throw std::invalid_argument(spec.what + ": its nested models unfold without end");
  }

  ModelGraph& graph_;
  const std::string& file_;
  std::size_t steps_ = 0;
  int depth_ = 0;  // of the nested model that is being unfolded
};

}  // namespace

bool is_model(const json& object) {
  const json& class_name = member(object, "class_name");
  const json& config = member(object, "config");
  if (class_name == "Sequential") return config.is_array() || member(config, "layers").is_array();
  return member(config, "layers").is_array() && config.contains("output_layers");
}

const json& ModelLayer::config() const { return member(*json, "config"); }

std::string snake_case(const std::string& name) {
  // Keras: (.)([A-Z][a-z]+) -> \1_\2, then ([a-z])([A-Z]) -> \1_\2, then lower case.
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  std::string words;
  for (std::size_t i = 0; i < name.size();) {
    if (i + 2 < name.size() && is_upper(name[i + 1]) && is_lower(name[i + 2])) {
      words += name[i];
      words += '_';
      words += name[++i];
      while (++i < name.size() && is_lower(name[i])) words += name[i];
    } else {
      words += name[i++];
    }
  }
  std::string result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && is_lower(words[i - 1]) && is_upper(words[i])) result += '_';
    result += is_upper(words[i]) ? static_cast<char>(words[i] - 'A' + 'a') : words[i];
  }
  return result;
}

ModelGraph build_graph(const ModelDocument& document, const ModelOptions& options, const ChannelsOf& channels) {
  if (!is_model(document.json))
    throw std::invalid_argument(document.file + ": expected a Functional or Sequential model. Received class_name " +
                                shown(member(document.json, "class_name")));
  ModelGraph graph;
  const ModelSpec spec = SpecReader(document, graph).read(document.json);
  for (const TensorRef& output : Unfolder(graph, document.file).unfold(spec, nullptr)) {
    LayerCall& source = graph.calls[static_cast<std::size_t>(output.call)];
    source.is_output = true;
    source.outputs_read = std::max(source.outputs_read, output.output + 1);
  }
  join_time_distributed(graph);
  set_shapes(graph, document.file, options, channels);
  return graph;
}

}  // namespace sepconv::keras
