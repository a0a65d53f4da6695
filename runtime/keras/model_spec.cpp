#include "runtime/keras/model_spec.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "runtime/keras/call_arguments.h"
#include "runtime/keras/call_numbers.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "runtime/keras/shape_math.h"
#include "runtime/keras/weight_layout.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

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
        written_by_keras_((document.weights_form != WeightsForm::none && !document.weights_given) ||
                          document.json.contains("keras_version")),
        graph_(graph) {}

  /// @param place  of the model; nothing for the outermost one
  ModelSpec read(const json& object, const Place& place = {}) {
    const json& config = member(object, "config");
    ModelSpec spec;
    const std::string name = string_of(member(config, "name"));
    spec.what = file_ + ": model '" + name + "'";
    const bool sequential = member(object, "class_name") == "Sequential";
    spec.is_sequential = sequential;
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
        ModelItem item;
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
  ModelItem read_item(const json& layer, const Place& place) {
    ModelItem item;
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
    item.holds_layers = made.custom && member(member(layer, "config"), "layers").is_array();
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
    ModelItem input;
    input.is_input = true;
    input.name = "input";
    input.nodes.emplace_back();
    ModelItem only = read_item(inner, place);
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
      ModelItem input;
      input.is_input = true;
      input.name = "input";
      // Without an InputLayer the shape stands in the first layer, or in the model that was built later.
      if (!layers.empty()) input.input_shape = first_layer_input_shape(layers[0]);
      if (!input.input_shape) input.input_shape = built;
      spec.items.insert(spec.items.begin(), std::move(input));
    }
    for (std::size_t i = 0; i < spec.items.size(); ++i) {
      ModelItem& item = spec.items[i];
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
      ModelItem& item = spec.items[i];
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
    count_calls_from_zero(spec);
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
                                    "', which is not a layer of the model");
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

}  // namespace

bool is_model(const json& object) {
  const json& class_name = member(object, "class_name");
  const json& config = member(object, "config");
  if (class_name == "Sequential") return config.is_array() || member(config, "layers").is_array();
  return member(config, "layers").is_array() && config.contains("output_layers");
}

ModelSpec read_model_spec(const ModelDocument& document, ModelGraph& graph) {
  return SpecReader(document, graph).read(document.json);
}

}  // namespace sepconv::keras
