#include "runtime/keras/layer_class.h"

#include <array>
#include <map>
#include <set>
#include <string_view>

#include "runtime/keras/json_text.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

using Keys = std::set<std::string_view>;

/// The arguments that any version of Keras, or TensorFlow.js, has written for a class.
struct ClassKeys {
  Keys known;
  Keys always;  // written by all of them
};

const Keys kLayerKeys = {"name",        "trainable",  "dtype",       "autocast",  "batch_input_shape", "batch_shape",
                         "input_shape", "batch_size", "input_dtype", "input_dim", "dynamic",           "weights"};

ClassKeys with_layer_keys(Keys own, Keys always = {}) {
  own.insert(kLayerKeys.begin(), kLayerKeys.end());
  own.insert(always.begin(), always.end());
  return {std::move(own), std::move(always)};
}

ClassKeys convolution(Keys own, Keys always) {
  own.insert({"rank", "data_format", "dilation_rate", "groups", "bias_initializer", "bias_regularizer",
              "bias_constraint", "activity_regularizer", "kernel_initializer", "kernel_regularizer",
              "kernel_constraint", "lora_rank", "lora_alpha", "quantization_config"});
  always.insert({"kernel_size", "strides", "padding", "activation", "use_bias"});
  return with_layer_keys(std::move(own), std::move(always));
}

const std::map<std::string_view, ClassKeys>& keys_of_classes() {
  static const std::map<std::string_view, ClassKeys> kClasses = [] {
    const ClassKeys conv = convolution({}, {"filters"});
    // tf.keras 2 and TensorFlow.js write `filters` for some depthwise layers; it has no meaning there.
    const ClassKeys depthwise = convolution(
        {"filters", "depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"}, {});
    const ClassKeys separable =
        convolution({"depth_multiplier", "depthwise_initializer", "depthwise_regularizer", "depthwise_constraint",
                     "pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"},
                    {"filters"});
    const ClassKeys padding = with_layer_keys({"padding", "data_format"});
    return std::map<std::string_view, ClassKeys>{
        {"Conv1D", conv},
        {"Conv2D", conv},
        {"DepthwiseConv1D", depthwise},
        {"DepthwiseConv2D", depthwise},
        {"SeparableConv1D", separable},
        {"SeparableConv2D", separable},
        {"ZeroPadding1D", padding},
        {"ZeroPadding2D", padding},
        {"BatchNormalization", with_layer_keys({"axis",
                                                "momentum",
                                                "epsilon",
                                                "center",
                                                "scale",
                                                "beta_initializer",
                                                "gamma_initializer",
                                                "moving_mean_initializer",
                                                "moving_variance_initializer",
                                                "beta_regularizer",
                                                "gamma_regularizer",
                                                "beta_constraint",
                                                "gamma_constraint",
                                                "synchronized",
                                                "renorm",
                                                "renorm_clipping",
                                                "renorm_momentum",
                                                "fused",
                                                "virtual_batch_size",
                                                "adjustment"})},
        {"Activation", with_layer_keys({}, {"activation"})},
        {"ReLU", with_layer_keys({"max_value", "negative_slope", "threshold", "alpha"})},
        {"LeakyReLU", with_layer_keys({"alpha", "negative_slope"})},
        {"ELU", with_layer_keys({"alpha"})},
        {"Softmax", with_layer_keys({"axis"})},
        {"ThresholdedReLU", with_layer_keys({"theta"})},
    };
  }();
  return kClasses;
}

std::optional<std::string> foreign_arguments(const std::string& class_name, const json& config, bool complete) {
  const auto found = keys_of_classes().find(class_name);
  if (found == keys_of_classes().end() || !config.is_object()) return std::nullopt;
  for (const auto& [key, value] : config.items())
    if (found->second.known.count(key) == 0) return "Keras' " + class_name + " has no argument " + shown(key);
  if (complete)
    for (const std::string_view key : found->second.always)
      if (!config.contains(key)) return "Keras' " + class_name + " always has the argument '" + std::string(key) + "'";
  return std::nullopt;
}

std::string string_of(const json& value) { return value.is_string() ? value.get<std::string>() : std::string(); }

}  // namespace

bool is_keras_module(const std::string& module) {
  static constexpr std::array<std::string_view, 7> kRoots = {"keras",
                                                             "tf_keras",
                                                             "keras_core",
                                                             "tensorflow.keras",
                                                             "tensorflow.python.keras",
                                                             "tensorflow_core.python.keras",
                                                             "tf.keras"};
  for (const std::string_view root : kRoots)
    if (module.compare(0, root.size(), root) == 0 && (module.size() == root.size() || module[root.size()] == '.'))
      return true;
  return false;
}

std::optional<std::string> foreign_origin(const json& layer) {
  const std::string class_name = string_of(member(layer, "class_name"));
  const std::string registered = string_of(member(layer, "registered_name"));
  // tf.keras 2 registers this layer of its own InceptionResNetV2 as an author's would be.
  constexpr const char* kOwn = "Custom>CustomScaleLayer";
  for (const std::string& name : {registered, class_name})
    if (name.find('>') != std::string::npos && name != kOwn) return "registered as " + shown(name);
  const json& module = member(layer, "module");
  if (module.is_string()) {
    const auto name = module.get<std::string>();
    return is_keras_module(name) ? std::nullopt : std::optional("of module " + shown(name));
  }
  if (!module.is_null()) return "its module is " + shown(module);
  // Keras writes null for the module of a class that the saving script itself defined.
  if (layer.is_object() && layer.contains("module") && !registered.empty())
    return "registered as " + shown(registered) + ", of no module";
  if (!registered.empty() && registered != class_name && registered != kOwn)
    return "registered as " + shown(registered);
  return std::nullopt;
}

std::optional<std::string> foreign_class(const json& layer, bool complete) {
  if (auto why = foreign_origin(layer)) return why;
  if (member(layer, "module").is_string()) return std::nullopt;
  return foreign_arguments(string_of(member(layer, "class_name")), member(layer, "config"), complete);
}

const json& without_wrapper(const json& layer) {
  static const Keys kWrappers = {"QuantizeWrapper", "QuantizeWrapperV2",     "QuantizeAnnotate",   "PruneLowMagnitude",
                                 "ClusterWeights",  "SpectralNormalization", "WeightNormalization"};
  std::string class_name = string_of(member(layer, "class_name"));
  class_name.erase(0, class_name.rfind('>') + 1);  // "Addons>WeightNormalization"; npos + 1 is 0
  const json& inner = member(member(layer, "config"), "layer");
  return kWrappers.count(class_name) > 0 && inner.is_object() ? without_wrapper(inner) : layer;
}

}  // namespace sepconv::keras
