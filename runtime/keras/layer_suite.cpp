#include "runtime/keras/layer_suite.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <stdexcept>

#include "runtime/keras/json_text.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr int kFormat = 1;

constexpr std::array kSuiteFields = {"format", "groups", "bars", "layers"};

constexpr std::array kLayerFields = {
    "name",   "group",    "kind",    "dims",        "batch",      "H",     "W",
    "L",      "C",        "F",       "kernel",      "stride",     "dtype", "depth_multiplier",
    "source", "dilation", "padding", "data_format", "activation", "bias"};

template <class Known>
void check_fields(const json& object, const Known& known, const std::string& where) {
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw std::invalid_argument(where + ": unknown field '" + key + "'");
}

/// One layer's fields; complaints name the layer.
class Fields {
 public:
  Fields(const json& layer, std::string where) : layer_(layer), where_(std::move(where)) {
    if (!layer.is_object()) throw std::invalid_argument(where_ + ": expected an object, received " + shown(layer));
    check_fields(layer, kLayerFields, where_);
  }

  void named(const std::string& name) { where_ += " '" + name + "'"; }
  const std::string& where() const { return where_; }

  std::string text(const char* key) const {
    const json& value = at(key);
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) wrong(key, "a text");
    return value.get<std::string>();
  }

  std::string one_of(const char* key, const std::vector<std::string>& allowed) const {
    const std::string value = text(key);
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return value;
    std::string known;
    for (const std::string& word : allowed) known += (known.empty() ? "" : ", ") + word;
    wrong(key, "one of " + known);
  }

  std::int32_t count(const char* key) const {
    const std::optional<std::int32_t> number = count(at(key));
    if (!number) wrong(key, "a whole number from 1");
    return *number;
  }

  bool flag(const char* key) const {
    if (!at(key).is_boolean()) wrong(key, "true or false");
    return at(key).get<bool>();
  }

  /// One value for each axis; {1, value} for 1-D layers.
  std::array<std::int32_t, 2> axes(const char* key, std::size_t dims) const {
    const json& value = at(key);
    if (!value.is_array() || value.size() != dims) wrong(key, "a list of " + std::to_string(dims));
    std::array<std::int32_t, 2> result{1, 1};
    for (std::size_t i = 0; i < dims; ++i) {
      const std::optional<std::int32_t> number = count(value[i]);
      if (!number) wrong(key, "whole numbers from 1");
      result[2 - dims + i] = *number;
    }
    return result;
  }

  [[noreturn]] void wrong(const char* key, const std::string& expected) const {
    throw std::invalid_argument(where_ + ": " + key + ": expected " + expected + ", received " + shown(at(key)));
  }

 private:
  const json& at(const char* key) const {
    const auto found = layer_.find(key);
    if (found == layer_.end()) throw std::invalid_argument(where_ + ": no field '" + key + "'");
    return *found;
  }

  static std::optional<std::int32_t> count(const json& value) {
    if (!value.is_number_integer() || value < 1 || value > std::numeric_limits<std::int32_t>::max())
      return std::nullopt;
    return value.get<std::int32_t>();
  }

  const json& layer_;
  std::string where_;
};

/// The layer as its Keras layer; causal padding is more than the constructors of Keras' depthwise layers allow.
LayerConfig config_of(const Fields& fields, const std::string& name) {
  LayerConfig config;
  config.name = name;
  if (fields.one_of("kind", {"separable", "depthwise"}) == "depthwise") config.kind = LayerConfig::Kind::depthwise;
  config.rank = fields.count("dims");
  if (config.rank > 2) fields.wrong("dims", "1 or 2");
  config.class_name = (config.separable() ? "SeparableConv" : "DepthwiseConv") + std::to_string(config.rank) + "D";
  if (config.separable()) config.filters = fields.count("F");
  const auto dims = static_cast<std::size_t>(config.rank);
  const auto window = fields.axes("kernel", dims), strides = fields.axes("stride", dims),
             dilation = fields.axes("dilation", dims);
  config.KH = window[0], config.KW = window[1];
  config.stride_h = strides[0], config.stride_w = strides[1];
  config.dilation_h = dilation[0], config.dilation_w = dilation[1];
  const std::string padding = fields.one_of("padding", dims == 1 ? std::vector<std::string>{"valid", "same", "causal"}
                                                                 : std::vector<std::string>{"valid", "same"});
  config.padding = *padding_from_text(padding);
  if (fields.one_of("data_format", {"channels_last", "channels_first"}) == "channels_first")
    config.layout = Layout::nchw;
  config.depth_multiplier = fields.count("depth_multiplier");
  config.use_bias = fields.flag("bias");
  fields.one_of("dtype", {"float32"});
  const std::string activation = fields.one_of("activation", {"none", "relu", "relu6"});
  if (activation != "none") config.activation = activation_from_text(activation);
  return config;
}

PlannedLayer plan_layer(const json& item, const std::string& where, const std::vector<std::string>& groups) {
  Fields fields(item, where);
  PlannedLayer layer;
  layer.name = fields.text("name");
  // Names are parts of file names and lines of their own.
  if (layer.name.find_first_of("/\n") != std::string::npos) fields.wrong("name", "no '/' and one line");
  fields.named(layer.name);
  fields.one_of("group", groups);
  const LayerConfig config = config_of(fields, layer.name);
  layer.batch = fields.count("batch");
  layer.absorbed = {layer.name};
  layer.padding = to_text(config.padding);
  std::vector<std::int64_t> shape{layer.batch};
  if (config.rank == 2) shape.push_back(fields.count("H"));
  shape.push_back(fields.count(config.rank == 2 ? "W" : "L"));
  shape.insert(config.layout == Layout::nhwc ? shape.end() : shape.begin() + 1, fields.count("C"));
  try {
    layer.problem = conv_problem(config, shape);
  } catch (const std::exception& error) {  // a layer that Keras refuses, or that is too large
    throw std::invalid_argument(fields.where() + ": " + error.what());
  }
  return layer;
}

std::vector<std::string> groups_of(const ModelDocument& document) {
  const json& value = member(document.json, "groups");
  std::vector<std::string> groups;
  if (value.is_array())
    for (const json& group : value)
      if (group.is_string()) groups.push_back(group.get<std::string>());
  if (!value.is_array() || groups.empty() || groups.size() != value.size())
    throw std::invalid_argument(document.file + ": groups: expected a list of texts, received " + shown(value));
  return groups;
}

}  // namespace

bool is_layer_suite(const json& value) {
  return value.is_object() && !value.contains("class_name") && (value.contains("format") || value.contains("layers"));
}

Plan plan_layer_suite(const ModelDocument& document) {
  const json& suite = document.json;
  if (member(suite, "format") != kFormat)
    throw std::invalid_argument(document.file + ": format: expected " + std::to_string(kFormat) + ", received " +
                                shown(member(suite, "format")));
  check_fields(suite, kSuiteFields, document.file);
  const json& items = member(suite, "layers");
  if (!items.is_array() || items.empty())
    throw std::invalid_argument(document.file + ": layers: expected a list of layers, received " + shown(items));
  const std::vector<std::string> groups = groups_of(document);
  Plan plan;
  std::set<std::string> names;
  for (const json& item : items) {
    plan.layers.push_back(
        plan_layer(item, document.file + ": layer " + std::to_string(plan.layers.size() + 1), groups));
    if (!names.insert(plan.layers.back().name).second)
      throw std::invalid_argument(document.file + ": two layers are called '" + plan.layers.back().name + "'");
  }
  return plan;
}

}  // namespace sepconv::keras
