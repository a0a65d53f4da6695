// Keras' serialised layers to layers, argument by argument, each error at the stage where Keras has it.

#include "sepconv/layer_from_config.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "activation_config.h"
#include "json_text.h"
#include "layer_class.h"
#include "object_config.h"

namespace sepconv {

using keras::member;
using keras::shown;
using nlohmann::json;

namespace {

/// Arguments with a value of a type that Keras stumbles over only when it builds the layer.
struct Deferred {
  std::string error;

  void add(const std::string& key, const std::string& expected, const json& value) {
    if (error.empty()) error = "Argument `" + key + "`: expected " + expected + ". Received: " + shown(value);
  }
};

class ConfigReader {
 public:
  ConfigReader(const json& config, std::string class_name, const FromConfigOptions& options)
      : config_(config), class_name_(std::move(class_name)), options_(options) {}

  bool keras2() const { return options_.rules == KerasRules::tf_keras_2; }
  bool has(const char* key) const { return config_.contains(key); }
  const json& at(const char* key) const { return member(config_, key); }

  [[noreturn]] void refuse(const char* key, const std::string& expected) const {
    throw std::invalid_argument("The `" + std::string(key) + "` argument of " + class_name_ + " must be " + expected +
                                ". Received " + key + "=" + shown(at(key)));
  }

  void check_keys() const {
    static const std::set<std::string> kCommon = {"name",
                                                  "dtype",
                                                  "trainable",
                                                  "autocast",
                                                  "depth_multiplier",
                                                  "kernel_size",
                                                  "strides",
                                                  "padding",
                                                  "data_format",
                                                  "dilation_rate",
                                                  "activation",
                                                  "use_bias",
                                                  "input_shape",
                                                  "batch_input_shape",
                                                  "activity_regularizer",
                                                  "depthwise_initializer",
                                                  "depthwise_regularizer",
                                                  "depthwise_constraint",
                                                  "bias_initializer",
                                                  "bias_regularizer",
                                                  "bias_constraint"};
    static const std::set<std::string> kSeparable = {"filters", "pointwise_initializer", "pointwise_regularizer",
                                                     "pointwise_constraint"};
    // groups and the kernel_ keys are written by tf.keras for every convolution.
    static const std::set<std::string> kKeras2 = {
        "groups",  "kernel_initializer", "kernel_regularizer", "kernel_constraint", "weights", "batch_size",
        "dynamic", "input_dim"};
    const bool separable = class_name_.find("Separable") == 0;
    for (const auto& [key, value] : config_.items()) {
      if (kCommon.count(key) || (separable && kSeparable.count(key)) || (keras2() && kKeras2.count(key))) continue;
      if (keras2()) throw std::invalid_argument("('Keyword argument not understood:', '" + key + "')");
      throw std::invalid_argument("Unrecognized keyword arguments passed to " + class_name_ + ": {'" + key +
                                  "': " + shown(value) + "}");
    }
    if (has("groups") && at("groups") != 1) refuse("groups", "1, the only value with a meaning here");
  }

  /// filters and depth_multiplier. @param truncates  tf.keras makes an int of a float
  std::optional<int> count(const char* key, bool truncates) {
    const json& value = at(key);
    if (value.is_null()) {
      deferred_.add(key, "an integer", value);
      return std::nullopt;
    }
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    if (!value.is_number()) {
      if (keras2() && std::string(key) == "depth_multiplier") {
        deferred_.add(key, "an integer", value);
        return std::nullopt;
      }
      refuse(key, "an integer");
    }
    const double number = value.get<double>();
    if (std::abs(number) > std::numeric_limits<int>::max()) refuse(key, "at most 2147483647");
    if (value.is_number_float() && !truncates) {
      if (number <= 0 && !keras2()) refuse(key, "strictly positive");
      deferred_.add(key, "an integer", value);
      return std::nullopt;
    }
    return static_cast<int>(number);
  }

  /// kernel_size, strides and dilation_rate.
  IntOrTuple sizes(const char* key, int rank) {
    const json& value = at(key);
    const std::string expected = "a tuple of " + std::to_string(rank) + " integers";
    if (value.is_boolean() || value.is_number_integer()) return small_int(key, value, expected);
    if (!value.is_array()) refuse(key, expected);
    std::vector<int> values;
    for (const json& item : value) {
      if (item.is_number_float()) {
        // int() takes it, and the shape of a weight does not.
        const double number = item.get<double>();
        if (!(number > 0)) refuse(key, expected + ", all above 0");
        deferred_.add(key, expected, value);
        values.push_back(1);
      } else if (item.is_boolean() || item.is_number_integer()) {
        values.push_back(small_int(key, item, expected));
      } else {
        refuse(key, expected);
      }
    }
    if (values.empty()) refuse(key, expected);
    return values;
  }

  std::string padding() {
    const json& value = at("padding");
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_array()) refuse("padding", "'valid' or 'same'");
    deferred_.add("padding", "'valid' or 'same'", value);
    return "valid";
  }

  ActivationArg activation(int tensor_rank) const {
    const json& value = at("activation");
    if (value.is_null()) return nullptr;
    const json& class_name = member(value, "class_name");
    const bool is_function = class_name == "function" && member(value, "config").is_string();
    if (value.is_string() || is_function) {
      const std::string name = (is_function ? member(value, "config") : value).get<std::string>();
      activation_from_keras_name(name, options_.rules);  // refuses our own text forms, which Keras does not know
      return name;
    }
    const Activation function = keras::activation_from_json(value, options_.rules, "`activation`", tensor_rank);
    return class_name.get<std::string>() == "Activation" ? ActivationArg(function)
                                                         : ActivationArg(function, class_name.get<std::string>());
  }

  Shape shape(const char* key) const {
    const json& value = at(key);
    Shape result;
    if (!value.is_array()) refuse(key, "a list of integers and nulls");
    for (const json& item : value) {
      if (!item.is_null() && !item.is_number_integer()) refuse(key, "a list of integers and nulls");
      result.push_back(item.is_null() ? kDynamic : item.get<std::int64_t>());
    }
    return result;
  }

  bool flag(const char* key) const {
    if (!at(key).is_boolean()) refuse(key, "true or false");
    return at(key).get<bool>();
  }

  template <class Args>
  void read_common(Args& args, int rank) {
    args.rules = options_.rules;
    args.causal_extension = options_.causal_extension;
    args.strict_float = options_.strict_float;
    args.seed = options_.seed;
    if (!at("name").is_null()) {
      if (!at("name").is_string()) refuse("name", "a string");
      args.name = at("name").get<std::string>();
    }
    if (!has("kernel_size"))
      throw std::invalid_argument(class_name_ + ".__init__() missing 1 required positional argument: 'kernel_size'");
    args.kernel_size = sizes("kernel_size", rank);
    if (has("strides")) args.strides = sizes("strides", rank);
    if (has("dilation_rate")) args.dilation_rate = sizes("dilation_rate", rank);
    if (has("padding")) args.padding = padding();
    if (!at("data_format").is_null()) {
      if (!at("data_format").is_string()) refuse("data_format", "one of {'channels_first', 'channels_last'}");
      args.data_format = at("data_format").get<std::string>();
    }
    if (has("depth_multiplier")) args.depth_multiplier = count("depth_multiplier", false).value_or(1);
    args.activation = activation(rank + 2);
    args.use_bias = keras::truthy_member(config_, "use_bias", true);
    if (!at("dtype").is_null()) args.dtype = DTypePolicy(keras::dtype_policy_name(config_, "`dtype`"));
    if (has("trainable")) args.trainable = flag("trainable");
    if (has("autocast")) args.autocast = flag("autocast");
    if (has("dynamic")) flag("dynamic");
    read_shapes(args);
    initializer("depthwise_initializer", args.depthwise_initializer);
    initializer("bias_initializer", args.bias_initializer);
    args.depthwise_regularizer = regularizer("depthwise_regularizer");
    args.bias_regularizer = regularizer("bias_regularizer");
    args.activity_regularizer = regularizer("activity_regularizer");
    args.depthwise_constraint = constraint("depthwise_constraint");
    args.bias_constraint = constraint("bias_constraint");
  }

  void read_pointwise(SeparableConvArgs& args) {
    if (!has("filters"))
      throw std::invalid_argument(class_name_ + ".__init__() missing 1 required positional argument: 'filters'");
    args.filters = count("filters", keras2()).value_or(1);
    initializer("pointwise_initializer", args.pointwise_initializer);
    args.pointwise_regularizer = regularizer("pointwise_regularizer");
    args.pointwise_constraint = constraint("pointwise_constraint");
  }

  LayerConfig finish(LayerConfig config) const {
    if (config.build_error.empty()) config.build_error = deferred_.error;
    return config;
  }

 private:
  int small_int(const char* key, const json& value, const std::string& expected) const {
    if (value.is_boolean()) return value.get<bool>() ? 1 : 0;
    if (std::abs(value.get<double>()) > std::numeric_limits<int>::max()) refuse(key, expected + " up to 2147483647");
    return value.get<int>();
  }

  void initializer(const char* key, std::optional<Initializer>& target) const {
    if (has(key)) target = keras::initializer_from_json(at(key), key);
  }
  Regularizer regularizer(const char* key) const { return keras::regularizer_from_json(at(key), key, options_.rules); }
  Constraint constraint(const char* key) const { return keras::constraint_from_json(at(key), key, options_.rules); }

  template <class Args>
  void read_shapes(Args& args) const {
    if (!at("input_shape").is_null()) args.input_shape = shape("input_shape");
    if (!at("batch_input_shape").is_null()) {
      Shape with_batch = shape("batch_input_shape");
      if (with_batch.empty()) refuse("batch_input_shape", "a shape with the batch in front");
      if (keras2() && with_batch[0] != kDynamic) args.batch_size = with_batch[0];
      args.input_shape = Shape(with_batch.begin() + 1, with_batch.end());
    }
    if (!at("input_dim").is_null() && !args.input_shape) {
      if (!at("input_dim").is_number_integer()) refuse("input_dim", "an integer");
      args.input_shape = Shape{at("input_dim").get<std::int64_t>()};
    }
    if (!at("batch_size").is_null()) {
      if (!at("batch_size").is_number_integer()) refuse("batch_size", "an integer");
      args.batch_size = at("batch_size").get<std::int64_t>();
    }
    if (at("weights").is_null()) return;
    if (!at("weights").is_array()) refuse("weights", "a list of arrays");
    for (const json& array : at("weights")) args.weights.push_back(tensor("weights", array));
  }

  /// Nested lists of numbers.
  Tensor tensor(const char* key, const json& value) const {
    Shape shape;
    for (const json* level = &value; level->is_array(); level = &(*level)[0]) {
      shape.push_back(static_cast<std::int64_t>(level->size()));
      if (level->empty()) break;
    }
    std::vector<double> values;
    append(key, value, shape, 0, values);
    return make_tensor(values, shape, DataType::float64);
  }

  void append(const char* key, const json& value, const Shape& shape, std::size_t axis,
              std::vector<double>& values) const {
    if (axis == shape.size()) {
      if (!value.is_number()) refuse(key, "a list of arrays of numbers");
      values.push_back(value.get<double>());
      return;
    }
    if (!value.is_array() || static_cast<std::int64_t>(value.size()) != shape[axis])
      refuse(key, "a list of arrays whose rows have the same length");
    for (const json& item : value) append(key, item, shape, axis + 1, values);
  }

  const json& config_;
  std::string class_name_;
  FromConfigOptions options_;
  Deferred deferred_;
};

/// Builds as Keras' deserialize does.
void build_from(const json& layer, KerasConvLayer& result) {
  const json& shape = member(member(layer, "build_config"), "input_shape");
  if (!shape.is_array() || shape.empty()) return;
  Shape without_batch;
  for (std::size_t i = 1; i < shape.size(); ++i) {
    if (!shape[i].is_null() && !shape[i].is_number_integer())
      throw std::invalid_argument("build_config: `input_shape` must hold integers and nulls. Received: " +
                                  shown(shape));
    without_batch.push_back(shape[i].is_null() ? kDynamic : shape[i].get<std::int64_t>());
  }
  result.build(without_batch);
}

}  // namespace

KerasConvLayer layer_from_config(const json& layer, const FromConfigOptions& options) {
  const json& class_name = member(layer, "class_name");
  const std::string name = class_name.is_string() ? class_name.get<std::string>() : "";
  const bool separable = name == "SeparableConv1D" || name == "SeparableConv2D";
  if (!separable && name != "DepthwiseConv1D" && name != "DepthwiseConv2D")
    throw std::invalid_argument(
        "layer: `class_name` must be SeparableConv1D, SeparableConv2D, DepthwiseConv1D or DepthwiseConv2D. Received: " +
        shown(class_name));
  if (const auto why = keras::foreign_origin(layer))
    throw std::invalid_argument(name + ": a custom class, " + *why + ": only Keras' own layers are read");
  const json& config = member(layer, "config");
  if (!config.is_object())
    throw std::invalid_argument(name + ": `config` must be an object. Received: " + shown(config));
  const int rank = name[name.size() - 2] - '0';
  ConfigReader reader(config, name, options);
  reader.check_keys();
  const auto read = [&] {
    if (separable) {
      SeparableConvArgs args;
      reader.read_pointwise(args);
      reader.read_common(args, rank);
      return separable_layer_config(rank, args);
    }
    DepthwiseConvArgs args;
    reader.read_common(args, rank);
    return depthwise_layer_config(rank, args);
  };
  KerasConvLayer result = make_layer(reader.finish(read()));
  build_from(layer, result);
  return result;
}

json get_config(const KerasConvLayer& layer) {
  const LayerConfig& c = layer.config();
  const std::string& policy = c.dtype.name();
  json config = {{"name", layer.name()},
                 {"trainable", layer.trainable()},
                 {"dtype", keras::dtype_to_json(policy, c.rules)},
                 {"depth_multiplier", c.depth_multiplier},
                 {"kernel_size", c.kernel_size()},
                 {"strides", c.strides()},
                 {"padding", c.padding_name()},
                 {"data_format", c.data_format()},
                 {"dilation_rate", c.dilation_rate()},
                 {"activation", keras::activation_to_json(c.activation_argument, c.activation, c.rules, policy)},
                 {"use_bias", c.use_bias},
                 {"depthwise_initializer", keras::to_json(c.depthwise_initializer)},
                 {"bias_initializer", keras::to_json(c.bias_initializer)},
                 {"depthwise_regularizer", keras::to_json(c.depthwise_regularizer)},
                 {"bias_regularizer", keras::to_json(c.bias_regularizer)},
                 {"activity_regularizer", keras::to_json(c.activity_regularizer)},
                 {"depthwise_constraint", keras::to_json(c.depthwise_constraint)},
                 {"bias_constraint", keras::to_json(c.bias_constraint)}};
  if (c.separable) {
    config["filters"] = c.filters;
    config["pointwise_initializer"] = keras::to_json(c.pointwise_initializer);
    config["pointwise_regularizer"] = keras::to_json(c.pointwise_regularizer);
    config["pointwise_constraint"] = keras::to_json(c.pointwise_constraint);
  }
  if (c.rules == KerasRules::tf_keras_2 && c.input_shape) {
    json shape = json::array({c.batch_size ? json(*c.batch_size) : json(nullptr)});
    for (const std::int64_t extent : *c.input_shape) shape.push_back(extent == kDynamic ? json(nullptr) : json(extent));
    config["batch_input_shape"] = std::move(shape);
  }
  return config;
}

json serialize(const KerasConvLayer& layer) {
  json result = keras::keras_object("keras.layers", layer.config().class_name, get_config(layer));
  if (const std::optional<Shape>& built = layer.build_shape()) {
    json shape = json::array({nullptr});
    for (const std::int64_t extent : *built) shape.push_back(extent == kDynamic ? json(nullptr) : json(extent));
    result["build_config"] = {{"input_shape", std::move(shape)}};
  }
  return result;
}

}  // namespace sepconv
