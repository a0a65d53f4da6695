#include "activation_config.h"

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "json_text.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr float kNoMaximum = std::numeric_limits<float>::infinity();

struct Named {
  std::string_view name;
  bool in_keras2;
  Activation function;
};

// Names with a kernel. hard_sigmoid is listed apart: its formula depends on the version.
const std::array kCompiled = {
    Named{"linear", true, {}},
    Named{"relu", true, {ActivationKind::relu}},
    Named{"relu6", true, {ActivationKind::relu, 0.0f, 6.0f, 0.0f}},
    Named{"leaky_relu", true, {ActivationKind::relu, 0.2f, kNoMaximum, 0.0f}},
    Named{"hard_silu", false, {ActivationKind::hard_silu}},
    Named{"hard_swish", false, {ActivationKind::hard_silu}},
    Named{"hard_tanh", false, {ActivationKind::hard_tanh}},
    Named{"softsign", true, {ActivationKind::softsign}},
    Named{"soft_shrink", false, {ActivationKind::soft_shrink}},
    Named{"hard_shrink", false, {ActivationKind::hard_shrink}},
    Named{"sparse_plus", false, {ActivationKind::sparse_plus}},
    Named{"sparse_sigmoid", false, {ActivationKind::sparse_sigmoid}},
    Named{"squareplus", false, {ActivationKind::squareplus}},
};

struct KnownName {
  std::string_view name;
  bool in_keras2;
};

// Names that Keras knows and no kernel computes.
constexpr std::array kKnown = {
    KnownName{"elu", true},          KnownName{"selu", true},    KnownName{"celu", false},
    KnownName{"sigmoid", true},      KnownName{"tanh", true},    KnownName{"silu", true},
    KnownName{"swish", true},        KnownName{"gelu", true},    KnownName{"softplus", true},
    KnownName{"exponential", true},  KnownName{"mish", true},    KnownName{"log_sigmoid", false},
    KnownName{"tanh_shrink", false}, KnownName{"softmax", true}, KnownName{"log_softmax", true},
    KnownName{"sparsemax", false},   KnownName{"glu", false},
};

[[noreturn]] void not_compiled(std::string_view name) {
  throw NotCompiledError("activation '" + std::string(name) + "' is not compiled yet");
}

Activation activation_from_name(const std::string& name, KerasRules rules, const std::string& what) {
  if (name == "hard_sigmoid")
    return {rules == KerasRules::tf_keras_2 ? ActivationKind::hard_sigmoid_keras2 : ActivationKind::hard_sigmoid};
  for (const Named& known : kCompiled)
    if (known.name == name && (rules == KerasRules::keras_3 || known.in_keras2)) return known.function;
  for (const KnownName& known : kKnown)
    if (known.name == name && (rules == KerasRules::keras_3 || known.in_keras2)) not_compiled(name);
  // Keras 2 builds the layer of that name with its defaults.
  if (rules == KerasRules::tf_keras_2 && is_activation_class(name) && name != "Activation")
    return activation_of_layer(name, json::object(), rules, what);
  if (rules == KerasRules::keras_3 && name == "threshold")
    throw std::invalid_argument(what +
                                ": activation 'threshold' has no defaults for its arguments and fails when called");
  throw std::invalid_argument(what + ": Could not interpret activation function identifier: " + name);
}

Activation relu(const json& config, const char* slope_key, double default_slope, const std::string& what) {
  Activation function{ActivationKind::relu};
  const char* key = member(config, slope_key).is_null() && !member(config, "alpha").is_null() ? "alpha" : slope_key;
  function.negative_slope = static_cast<float>(number_member(config, key, default_slope, what));
  function.max_value = static_cast<float>(number_member(config, "max_value", kNoMaximum, what));
  function.threshold = static_cast<float>(number_member(config, "threshold", 0, what));
  const auto refuse = [&](const char* name, float value) {
    throw std::invalid_argument(what + ": " + name +
                                " of a ReLU layer cannot be a negative value. Received: " + std::to_string(value));
  };
  if (!(function.negative_slope >= 0)) refuse("negative_slope", function.negative_slope);
  if (!(function.max_value >= 0)) refuse("max_value", function.max_value);
  if (!(function.threshold >= 0)) refuse("threshold", function.threshold);
  constexpr float kLargest = std::numeric_limits<float>::max();
  if (function.negative_slope > kLargest || function.threshold > kLargest)
    throw NotCompiledError("a ReLU with an infinite negative_slope or threshold is not compiled");
  return function;
}

}  // namespace

bool is_activation_class(const std::string& class_name) {
  static const std::array<std::string_view, 7> kClasses = {"Activation", "ReLU",  "LeakyReLU",      "ELU",
                                                           "Softmax",    "PReLU", "ThresholdedReLU"};
  return std::find(kClasses.begin(), kClasses.end(), class_name) != kClasses.end();
}

Activation activation_of_layer(const std::string& class_name, const json& config, KerasRules rules,
                               const std::string& what) {
  if (class_name == "Activation") return activation_from_json(member(config, "activation"), rules, what);
  if (class_name == "ReLU") return relu(config, "negative_slope", 0.0, what);
  if (class_name == "LeakyReLU") {
    // The layer's only parameter; a max_value there would be another class's.
    json slope = json::object();
    for (const char* key : {"negative_slope", "alpha"})
      if (!member(config, key).is_null()) slope[key] = member(config, key);
    return relu(slope, "negative_slope", 0.3, what);
  }
  not_compiled(class_name);
}

Activation activation_from_json(const json& value, KerasRules rules, const std::string& what) {
  if (value.is_null()) return {};
  if (value.is_string()) return activation_from_name(value.get<std::string>(), rules, what);
  const json& class_name = member(value, "class_name");
  const json& config = member(value, "config");
  if (class_name == "function" && config.is_string()) {
    try {
      return activation_from_name(config.get<std::string>(), rules, what);
    } catch (const std::invalid_argument&) {
      throw NotCompiledError("custom activation '" + config.get<std::string>() + "' is not compiled");
    }
  }
  if (class_name.is_string()) {
    const std::string name = class_name.get<std::string>();
    const json& registered = member(value, "registered_name");
    if (is_activation_class(name) && (config.is_object() || config.is_null()) && !registered.is_string())
      return activation_of_layer(name, config, rules, what);
    // tf.keras 2 writes registered_name also for its own classes.
    if (is_activation_class(name) && registered == name) return activation_of_layer(name, config, rules, what);
    throw NotCompiledError("activation object of class '" + name + "' is not compiled");
  }
  throw std::invalid_argument(what + ": Could not interpret activation function identifier: " + shown(value));
}

std::string dtype_policy_name(const json& config, const std::string& what) {
  const json& dtype = member(config, "dtype");
  if (dtype.is_null()) return "float32";
  if (dtype.is_string()) return dtype.get<std::string>();
  const json& name = member(member(dtype, "config"), "name");
  if (name.is_string()) return name.get<std::string>();
  if (member(dtype, "class_name").is_string()) return member(dtype, "class_name").get<std::string>();
  throw std::invalid_argument(what + ": `dtype` must be a name or a policy. Received: " + shown(dtype));
}

}  // namespace sepconv::keras
