#include "runtime/keras/activation_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>
#include <string_view>

#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_class.h"
#include "sepconv/detail/layer_config.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

Activation relu_with(double negative_slope, double max_value = std::numeric_limits<double>::infinity(),
                     double threshold = 0) {
  Activation function{ActivationKind::relu};
  function.negative_slope = negative_slope;
  function.max_value = max_value;
  function.threshold = threshold;
  return function;
}

Activation activation_from_name(const std::string& name, KerasRules rules, const std::string& what) {
  const bool keras2 = rules == KerasRules::tf_keras_2;
  // tf.keras 2 builds the layer of that name with its defaults.
  if (keras2 && is_activation_class(name) && name != "Activation")
    return activation_of_layer(name, json::object(), rules, what);
  if (!keras2 && name == "threshold")
    throw CallError(what + ": activation 'threshold' has no defaults for `threshold` and `default_value` and fails " +
                    "when called");
  try {
    return activation_from_keras_name(name, rules);
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument(what + ": Could not interpret activation function identifier: " + name);
  }
}

/// False for a function of another author, which may have the name of one of Keras'.
bool is_builtin_function(const json& function) {
  const json& module = member(function, "module");
  if (module.is_string()) return module == "builtins" || is_keras_module(module.get<std::string>());
  return !function.contains("module");
}

/// @throws NotCompiledError for an infinite or NaN parameter, std::invalid_argument for what is no number
double finite_member(const json& config, const char* key, double fallback, const std::string& what) {
  const double value = number_member(config, key, fallback, what);
  if (!std::isfinite(value)) throw NotCompiledError("an activation whose " + std::string(key) + " is not finite");
  return value;
}

Activation relu(const json& config, const char* slope_key, double default_slope, const std::string& what) {
  const char* key = member(config, slope_key).is_null() && !member(config, "alpha").is_null() ? "alpha" : slope_key;
  const Activation function =
      relu_with(number_member(config, key, default_slope, what),
                number_member(config, "max_value", std::numeric_limits<double>::infinity(), what),
                number_member(config, "threshold", 0, what));
  const auto refuse = [&](const char* name, double value) {
    throw std::invalid_argument(what + ": " + name +
                                " of a ReLU layer cannot be a negative value. Received: " + std::to_string(value));
  };
  if (!(function.negative_slope >= 0)) refuse("negative_slope", function.negative_slope);
  if (!(function.max_value >= 0)) refuse("max_value", function.max_value);
  if (!(function.threshold >= 0)) refuse("threshold", function.threshold);
  if (!std::isfinite(function.negative_slope) || !std::isfinite(function.threshold))
    throw NotCompiledError("a ReLU with an infinite negative_slope or threshold is not compiled");
  return function;
}

Activation softmax(const json& config, const std::string& what, int tensor_rank) {
  const json* axis = &member(config, "axis");
  if (axis->is_array()) {
    if (axis->size() != 1) throw NotCompiledError("a Softmax over several axes is not compiled");
    axis = &(*axis)[0];
  }
  Activation function{ActivationKind::softmax};
  if (axis->is_null()) return function;
  if (!axis->is_number_integer())
    throw std::invalid_argument(what + ": `axis` of a Softmax layer must be an integer. Received: " + shown(*axis));
  const auto value = axis->get<std::int64_t>();
  if (tensor_rank == 0 && value >= 0) throw NotCompiledError("a Softmax with a positive axis of an unknown tensor");
  const std::int64_t from_last = value >= 0 ? value - tensor_rank : value;
  if (from_last >= 0 || (tensor_rank > 0 && from_last < -tensor_rank))
    throw std::invalid_argument(what +
                                ": `axis` of a Softmax layer is beyond the tensor's rank. Received: " + shown(*axis));
  if (from_last == -tensor_rank) throw NotCompiledError("a Softmax over the batch is not compiled");
  function.axis = static_cast<std::int32_t>(std::max<std::int64_t>(from_last, -kMaxRank));
  return function;
}

}  // namespace

bool is_activation_class(const std::string& class_name) {
  static const std::array<std::string_view, 7> kClasses = {"Activation", "ReLU",  "LeakyReLU",      "ELU",
                                                           "Softmax",    "PReLU", "ThresholdedReLU"};
  return std::find(kClasses.begin(), kClasses.end(), class_name) != kClasses.end();
}

Activation activation_of_layer(const std::string& class_name, const json& config, KerasRules rules,
                               const std::string& what, int tensor_rank) {
  if (class_name == "Activation") return activation_from_json(member(config, "activation"), rules, what, tensor_rank);
  if (class_name == "ReLU") return relu(config, "negative_slope", 0.0, what);
  if (class_name == "LeakyReLU") {
    // The layer's only parameter; a max_value there would be another class's.
    json slope = json::object();
    for (const char* key : {"negative_slope", "alpha"})
      if (!member(config, key).is_null()) slope[key] = member(config, key);
    return relu(slope, "negative_slope", 0.3, what);
  }
  if (class_name == "ELU") {
    Activation function{ActivationKind::elu};
    function.alpha = finite_member(config, "alpha", 1, what);
    return function;
  }
  if (class_name == "Softmax") return softmax(config, what, tensor_rank);
  if (class_name == "ThresholdedReLU")
    return relu_with(0, std::numeric_limits<double>::infinity(), finite_member(config, "theta", 1, what));
  throw NotCompiledError("activation '" + class_name + "' has weights of its own and is not compiled");
}

Activation activation_from_json(const json& value, KerasRules rules, const std::string& what, int tensor_rank) {
  if (value.is_null()) return {};
  if (value.is_string()) return activation_from_name(value.get<std::string>(), rules, what);
  const json& class_name = member(value, "class_name");
  const json& config = member(value, "config");
  if (class_name == "function" && config.is_string()) {
    const auto name = config.get<std::string>();
    if (!is_builtin_function(value)) throw NotCompiledError("custom activation " + shown(name) + " is not compiled");
    try {
      return activation_from_name(name, rules, what);
    } catch (const CallError&) {
      throw;
    } catch (const std::invalid_argument&) {
      throw NotCompiledError("custom activation " + shown(name) + " is not compiled");
    }
  }
  // Keras 3's form, and that of tf.keras 2: the code, its defaults and its closure.
  if (class_name == "__lambda__" || value.is_array() || member(value, "value").is_array())
    throw NotCompiledError("a lambda as activation is not compiled");
  if (class_name.is_string()) {
    const std::string name = class_name.get<std::string>();
    if (is_activation_class(name) && (config.is_object() || config.is_null()) && !foreign_class(value, false))
      return activation_of_layer(name, config, rules, what, tensor_rank);
    throw NotCompiledError("activation object of class " + shown(name) + " is not compiled");
  }
  throw std::invalid_argument(what + ": Could not interpret activation function identifier: " + shown(value));
}

std::optional<DataType> compute_dtype(const std::string& policy) {
  static const std::map<std::string_view, DataType> kTypes = {
      {"float32", DataType::float32},   {"float64", DataType::float64},       {"float16", DataType::float16},
      {"bfloat16", DataType::bfloat16}, {"mixed_float16", DataType::float16}, {"mixed_bfloat16", DataType::bfloat16},
  };
  const auto found = kTypes.find(policy);
  return found == kTypes.end() ? std::nullopt : std::optional(found->second);
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
