// Keras' serialised convolution layers to LayerConfig, argument by argument, each error at the stage where Keras has
// it.

#include "runtime/keras/layer_config_reader.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include "runtime/keras/activation_config.h"
#include "runtime/keras/argument_reader.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "runtime/keras/object_config.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv {

using keras::member;
using keras::shown;
using nlohmann::json;

namespace {

using Kind = LayerConfig::Kind;

struct ConvClass {
  const char* name;
  Kind kind;
  int rank;
};

constexpr std::array kClasses = {
    ConvClass{"SeparableConv1D", Kind::separable, 1},
    ConvClass{"SeparableConv2D", Kind::separable, 2},
    ConvClass{"DepthwiseConv1D", Kind::depthwise, 1},
    ConvClass{"DepthwiseConv2D", Kind::depthwise, 2},
    ConvClass{"Conv1D", Kind::conv, 1},
    ConvClass{"Conv2D", Kind::conv, 2},
};

/// nullptr for any other class.
const ConvClass* class_of(const json& layer) {
  const json& name = member(layer, "class_name");
  const auto found =
      std::find_if(kClasses.begin(), kClasses.end(), [&](const ConvClass& known) { return name == known.name; });
  return found == kClasses.end() ? nullptr : &*found;
}

class ConfigReader : keras::ArgumentReader {
 public:
  ConfigReader(const json& config, const ConvClass& layer_class, const FromConfigOptions& options)
      : ArgumentReader(config, layer_class.name, options.rules), class_(layer_class), options_(options) {}

  /// Reads all arguments, for a layer object. An error that Keras raises only when it builds the layer becomes the
  /// build_error.
  LayerConfig read_layer() {
    check_keys();
    LayerConfig config = class_.kind == Kind::separable
                             ? separable_layer_config(class_.rank, all_of<SeparableConvArgs>())
                             : depthwise_layer_config(class_.rank, all_of<DepthwiseConvArgs>());
    if (config.build_error.empty()) config.build_error = deferred_error();
    return config;
  }

  /// Reads the arguments that a kernel depends on. Throws errors that Keras raises when it builds the layer, too. The
  /// why_not says why a valid layer cannot be compiled.
  LayerConfig read_kernel() {
    LayerConfig config = kernel_config();
    for (const std::string& error : {deferred_error(), config.build_error})
      if (!error.empty()) throw std::invalid_argument(error);
    config.why_not = why_not_;
    return config;
  }

 private:
  void check_keys() const {
    // clang-format off
    static const std::set<std::string> kCommon = {
        "name", "dtype", "trainable", "autocast", "depth_multiplier", "kernel_size", "strides", "padding",
        "data_format", "dilation_rate", "activation", "use_bias", "input_shape", "batch_input_shape",
        "activity_regularizer", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint",
        "bias_initializer", "bias_regularizer", "bias_constraint"};
    // clang-format on
    static const std::set<std::string> kSeparable = {"filters", "pointwise_initializer", "pointwise_regularizer",
                                                     "pointwise_constraint"};
    // groups and the kernel_ keys are written by tf.keras for every convolution.
    static const std::set<std::string> kKeras2 = {
        "groups",  "kernel_initializer", "kernel_regularizer", "kernel_constraint", "weights", "batch_size",
        "dynamic", "input_dim"};
    const bool separable = class_.kind == Kind::separable;
    for (const auto& [key, value] : config().items()) {
      if (kCommon.count(key) || (separable && kSeparable.count(key)) || (keras2() && kKeras2.count(key))) continue;
      if (keras2()) throw std::invalid_argument("('Keyword argument not understood:', '" + key + "')");
      throw std::invalid_argument("Unrecognized keyword arguments passed to " + class_name() + ": {'" + key +
                                  "': " + shown(value) + "}");
    }
    if (has("groups") && at("groups") != 1) refuse("groups", "1, the only value with a meaning here");
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

  /// The window and how it moves.
  template <class Args>
  void read_window(Args& args) {
    args.rules = options_.rules;
    if (!has("kernel_size"))
      throw std::invalid_argument(class_name() + ".__init__() missing 1 required positional argument: 'kernel_size'");
    args.kernel_size = sizes("kernel_size", class_.rank);
    if (has("strides")) args.strides = sizes("strides", class_.rank);
    if (has("dilation_rate")) args.dilation_rate = sizes("dilation_rate", class_.rank);
    if (has("padding")) args.padding = padding();
    if (!at("data_format").is_null()) {
      if (!at("data_format").is_string()) refuse("data_format", "one of {'channels_first', 'channels_last'}");
      args.data_format = at("data_format").get<std::string>();
    }
    if (class_.kind != Kind::conv && has("depth_multiplier"))
      args.depth_multiplier = count("depth_multiplier", false).value_or(1);
    args.use_bias = keras::truthy_member(config(), "use_bias", true);
  }

  void read_filters(SeparableConvArgs& args) {
    if (!has("filters"))
      throw std::invalid_argument(class_name() + ".__init__() missing 1 required positional argument: 'filters'");
    args.filters = count("filters", keras2()).value_or(1);
  }

  void read_pointwise(SeparableConvArgs& args) {
    read_filters(args);
    initializer("pointwise_initializer", args.pointwise_initializer);
    args.pointwise_regularizer = regularizer("pointwise_regularizer");
    args.pointwise_constraint = constraint("pointwise_constraint");
  }
  void read_pointwise(DepthwiseConvArgs&) {}

  template <class Args>
  Args all_of() {
    Args args;
    read_pointwise(args);
    args.causal_extension = options_.causal_extension;
    args.strict_float = options_.strict_float;
    args.seed = options_.seed;
    if (!at("name").is_null()) {
      if (!at("name").is_string()) refuse("name", "a string");
      args.name = at("name").get<std::string>();
    }
    read_window(args);
    args.activation = activation(class_.rank + 2);
    if (!at("dtype").is_null()) args.dtype = DTypePolicy(keras::dtype_policy_name(config(), "`dtype`"));
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
    return args;
  }

  template <class Args>
  void read_for_kernel(Args& args) {
    read_window(args);
    check_span(args.kernel_size, args.dilation_rate);
    const std::string policy = keras::dtype_policy_name(config(), "`dtype`");
    // Keras itself computes neither its quantised nor its float8 policies for these layers.
    if (!keras::compute_dtype(policy) && (at("dtype").is_object() || policy.find("float8") != std::string::npos))
      why_not_ = "dtype policy " + policy +
                 ": compiled are float32, float64, float16, bfloat16, mixed_float16 and mixed_bfloat16";
    else
      args.dtype = DTypePolicy(policy);
    try {
      args.activation = keras::activation_from_json(at("activation"), options_.rules, "`activation`", class_.rank + 2);
    } catch (const NotCompiledError& error) {
      if (why_not_.empty()) why_not_ = error.what();
    }
  }

  LayerConfig kernel_config() {
    if (class_.kind == Kind::depthwise) {
      DepthwiseConvArgs args;
      read_for_kernel(args);
      return depthwise_layer_config(class_.rank, args);
    }
    SeparableConvArgs args;
    read_filters(args);
    const int groups = class_.kind == Kind::conv && has("groups") ? count("groups", false).value_or(1) : 1;
    read_for_kernel(args);
    return class_.kind == Kind::conv ? conv_config(class_.rank, args, groups)
                                     : separable_layer_config(class_.rank, args);
  }

  /// Kernels have this limit, Keras has not.
  void check_span(const IntOrTuple& window, const IntOrTuple& dilation) const {
    constexpr std::int64_t kMostSpan = std::int64_t{1} << 28;
    const std::vector<int>&taps = window.values(), &steps = dilation.values();
    for (std::size_t i = 0; i < taps.size(); ++i)
      if ((std::int64_t{taps[i]} - 1) * steps[std::min(i, steps.size() - 1)] + 1 > kMostSpan)
        throw NotCompiledError("too large: a dilated window above 2^28 elements");
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

  const ConvClass& class_;
  FromConfigOptions options_;
  std::string why_not_;
};

}  // namespace

LayerConfig keras::read_layer_config(const json& layer, const FromConfigOptions& options) {
  const ConvClass* const known = class_of(layer);
  if (known == nullptr || known->kind == Kind::conv)
    throw std::invalid_argument(
        "layer: `class_name` must be SeparableConv1D, SeparableConv2D, DepthwiseConv1D or DepthwiseConv2D. Received: " +
        shown(member(layer, "class_name")));
  const std::string name = known->name;
  if (const auto why = foreign_origin(layer))
    throw std::invalid_argument(name + ": a custom class, " + *why + ": only Keras' own layers are read");
  const json& config = member(layer, "config");
  if (!config.is_object())
    throw std::invalid_argument(name + ": `config` must be an object. Received: " + shown(config));
  return ConfigReader(config, *known, options).read_layer();
}

LayerConfig conv_layer_config(const json& layer, KerasRules rules) {
  const ConvClass* const known = class_of(layer);
  if (known == nullptr)
    throw std::invalid_argument(
        "layer: `class_name` must be SeparableConv1D, SeparableConv2D, DepthwiseConv1D, DepthwiseConv2D, Conv1D or "
        "Conv2D. Received: " +
        shown(member(layer, "class_name")));
  if (const auto why = keras::foreign_origin(layer)) throw NotCompiledError("a custom class: " + *why);
  const json& json_config = member(layer, "config");
  const std::string name = keras::string_member(json_config, "name", "", known->name + std::string(" layer"));
  const std::string title = known->name + (" '" + name) + "': ";
  if (!json_config.is_object()) throw std::invalid_argument(title + "has no `config` object");
  try {
    LayerConfig config = ConfigReader(json_config, *known, rules).read_kernel();
    config.name = name;
    return config;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(title + error.what());
  }
}

}  // namespace sepconv
