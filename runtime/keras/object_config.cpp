#include "runtime/keras/object_config.h"

#include <array>
#include <cmath>
#include <stdexcept>

#include "runtime/keras/json_text.h"
#include "sepconv/detail/layer_config.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

[[noreturn]] void refuse(const char* kind, const std::string& key, const json& value) {
  throw std::invalid_argument("`" + key + "`: Could not interpret " + kind + " identifier: " + shown(value));
}

/// The class or name of an identifier; its parameters go to `config`.
std::string identifier(const json& value, const char* kind, const std::string& key, json& config) {
  config = json::object();
  if (value.is_string()) return value.get<std::string>();
  const json& class_name = member(value, "class_name");
  const json& parameters = member(value, "config");
  if (!class_name.is_string() || !(parameters.is_object() || parameters.is_null())) refuse(kind, key, value);
  if (parameters.is_object()) config = parameters;
  return class_name.get<std::string>();
}

template <class Make>
auto named(const std::string& key, const Make& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("`" + key + "`: " + error.what());
  }
}

constexpr std::array kModes = {"fan_in", "fan_out", "fan_avg"};
constexpr std::array kDistributions = {"truncated_normal", "untruncated_normal", "uniform"};

template <class Enum, std::size_t N>
Enum choice(const json& config, const char* name, const std::array<const char*, N>& names, Enum fallback,
            const std::string& key) {
  std::string text = string_member(config, name, names[static_cast<std::size_t>(fallback)], "`" + key + "`");
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (text == "normal") text = "truncated_normal";
  for (std::size_t i = 0; i < N; ++i)
    if (text == names[i]) return static_cast<Enum>(i);
  throw std::invalid_argument("`" + key + "`: Invalid `" + name + "` argument: '" + text + "'");
}

std::optional<std::int64_t> seed_of(const json& config, const std::string& key) {
  const json* seed = &member(config, "seed");
  // Keras 3 writes a shared generator as an object.
  if (member(*seed, "config").is_object()) seed = &member(member(*seed, "config"), "seed");
  if (seed->is_null()) return std::nullopt;
  if (!seed->is_number_integer())
    throw std::invalid_argument("`" + key + "`: `seed` must be an integer. Received: " + shown(*seed));
  return seed->get<std::int64_t>();
}

std::vector<int> axes_of(const json& axis, const std::string& key) {
  std::vector<int> axes;
  for (const json& item : axis.is_array() ? axis : json::array({axis})) {
    if (!item.is_number_integer() || std::abs(item.get<double>()) > 1000)
      throw std::invalid_argument("`" + key + "`: `axis` must be an integer or a list. Received: " + shown(axis));
    axes.push_back(item.get<int>());
  }
  return axes;
}

json finite_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

json activation_layer(const std::string& class_name, json config, KerasRules rules, const std::string& policy) {
  static const json kNames = {{"ReLU", "re_lu"}, {"LeakyReLU", "leaky_re_lu"}, {"ELU", "elu"}, {"Softmax", "softmax"}};
  config["name"] = kNames.contains(class_name) ? kNames.at(class_name) : json("thresholded_re_lu");
  config["trainable"] = true;
  config["dtype"] = dtype_to_json(policy, rules);
  return keras_object("keras.layers", class_name, std::move(config));
}

/// The name of a function whose parameters are those that the name stands for; empty if there is none.
std::string name_of(const Activation& function, KerasRules rules) {
  const bool keras2 = rules == KerasRules::tf_keras_2;
  for (const char* name : {"relu6", "leaky_relu", "hard_sigmoid", "silu"}) {
    if (activation_from_keras_name(name, rules) != function) continue;
    return keras2 && function.kind == ActivationKind::silu ? "swish" : name;
  }
  try {
    const std::string name = to_text(function);
    if (activation_from_keras_name(name, rules) == function) return name;
  } catch (const std::invalid_argument&) {
    // No name of this Keras.
  }
  return "";
}

}  // namespace

std::optional<Initializer> initializer_from_json(const json& value, const std::string& key) {
  if (value.is_null()) return std::nullopt;
  json config;
  const std::string name = identifier(value, "initializer", key, config);
  Initializer result = named(key, [&] { return Initializer(name); });
  const std::string what = "`" + key + "`";
  result.value = number_member(config, "value", result.value, what);
  result.mean = number_member(config, "mean", result.mean, what);
  result.stddev = number_member(config, "stddev", result.stddev, what);
  result.minval = number_member(config, "minval", result.minval, what);
  result.maxval = number_member(config, "maxval", result.maxval, what);
  result.scale = number_member(config, "scale", result.scale, what);
  result.gain = number_member(config, "gain", result.gain, what);
  result.mode = choice(config, "mode", kModes, result.mode, key);
  result.distribution = choice(config, "distribution", kDistributions, result.distribution, key);
  result.seed = seed_of(config, key);
  if (!(result.scale > 0))
    throw std::invalid_argument(
        what + ": Argument `scale` must be positive float. Received: scale=" + std::to_string(result.scale));
  return result;
}

Regularizer regularizer_from_json(const json& value, const std::string& key, KerasRules rules) {
  if (value.is_null()) return {};
  json config;
  const std::string name = identifier(value, "regularizer", key, config);
  Regularizer result = named(key, [&] { return Regularizer::from_name(name, rules); });
  const std::string what = "`" + key + "`";
  result.l1 = number_member(config, "l1", result.l1, what);
  result.l2 = number_member(config, "l2", result.l2, what);
  result.factor = number_member(config, "factor", result.factor, what);
  result.mode = string_member(config, "mode", result.mode, what);
  if (result.mode != "rows" && result.mode != "columns")
    throw std::invalid_argument(what +
                                ": Invalid value for argument `mode`. Expected one of {'rows', 'columns'}. "
                                "Received: mode=" +
                                result.mode);
  return result;
}

Constraint constraint_from_json(const json& value, const std::string& key, KerasRules rules) {
  if (value.is_null()) return {};
  json config;
  const std::string name = identifier(value, "constraint", key, config);
  Constraint result = named(key, [&] { return Constraint::from_name(name, rules); });
  const std::string what = "`" + key + "`";
  result.min_value = number_member(config, "min_value", result.min_value, what);
  result.max_value = number_member(config, "max_value", result.max_value, what);
  result.rate = number_member(config, "rate", result.rate, what);
  const json& axis = member(config, "axis");
  if (!axis.is_null()) {
    result.axes = axes_of(axis, key);
    result.axes_as_list = axis.is_array();
  }
  return result;
}

json keras_object(const std::string& module, const std::string& class_name, json config) {
  return {{"module", module}, {"class_name", class_name}, {"config", std::move(config)}, {"registered_name", nullptr}};
}

json to_json(const std::optional<Initializer>& initializer) {
  using Kind = Initializer::Kind;
  if (!initializer) return nullptr;
  json config = json::object();
  const bool seeded = initializer->kind != Kind::zeros && initializer->kind != Kind::ones &&
                      initializer->kind != Kind::constant && initializer->kind != Kind::identity;
  if (seeded) config["seed"] = initializer->seed ? json(*initializer->seed) : json(nullptr);
  switch (initializer->kind) {
    case Kind::constant: config["value"] = initializer->value; break;
    case Kind::random_normal:
    case Kind::truncated_normal:
      config["mean"] = initializer->mean;
      config["stddev"] = initializer->stddev;
      break;
    case Kind::random_uniform:
      config["minval"] = initializer->minval;
      config["maxval"] = initializer->maxval;
      break;
    case Kind::variance_scaling:
      config["scale"] = initializer->scale;
      config["mode"] = kModes[static_cast<std::size_t>(initializer->mode)];
      config["distribution"] = kDistributions[static_cast<std::size_t>(initializer->distribution)];
      break;
    case Kind::orthogonal:
    case Kind::identity: config["gain"] = initializer->gain; break;
    default: break;
  }
  return keras_object("keras.initializers", class_name(*initializer), std::move(config));
}

json to_json(const Regularizer& regularizer) {
  using Kind = Regularizer::Kind;
  if (!regularizer.given()) return nullptr;
  json config = json::object();
  if (regularizer.kind == Kind::l1 || regularizer.kind == Kind::l1_l2) config["l1"] = regularizer.l1;
  if (regularizer.kind == Kind::l2 || regularizer.kind == Kind::l1_l2) config["l2"] = regularizer.l2;
  if (regularizer.kind == Kind::orthogonal) {
    config["factor"] = regularizer.factor;
    config["mode"] = regularizer.mode;
  }
  return keras_object("keras.regularizers", class_name(regularizer), std::move(config));
}

json to_json(const Constraint& constraint) {
  using Kind = Constraint::Kind;
  if (!constraint.given()) return nullptr;
  json config = json::object();
  const json axis =
      constraint.axes_as_list || constraint.axes.size() != 1 ? json(constraint.axes) : json(constraint.axes.front());
  if (constraint.kind == Kind::max_norm || constraint.kind == Kind::min_max_norm)
    config["max_value"] = constraint.max_value;
  if (constraint.kind == Kind::min_max_norm) {
    config["min_value"] = constraint.min_value;
    config["rate"] = constraint.rate;
  }
  if (constraint.kind == Kind::max_norm || constraint.kind == Kind::min_max_norm || constraint.kind == Kind::unit_norm)
    config["axis"] = axis;
  return keras_object("keras.constraints", class_name(constraint), std::move(config));
}

json dtype_to_json(const std::string& policy, KerasRules rules) {
  if (rules == KerasRules::keras_3) return keras_object("keras", "DTypePolicy", {{"name", policy}});
  if (policy.rfind("mixed_", 0) == 0) return keras_object("keras.mixed_precision", "Policy", {{"name", policy}});
  return policy;
}

json activation_to_json(const ActivationArg& argument, const Activation& function, KerasRules rules,
                        const std::string& policy) {
  const bool keras2 = rules == KerasRules::tf_keras_2;
  std::string layer_class = argument.layer_class();
  // tf.keras makes a layer of a class' name, and saves that; "ReLU" is no name of a function.
  if (keras2 && !argument.function() && !argument.name().empty() && argument.name() != "linear" &&
      std::isupper(static_cast<unsigned char>(argument.name().front())))
    layer_class = argument.name();
  if (layer_class.empty()) {
    if (argument.name() == "threshold") return "threshold";
    const std::string name = name_of(function, rules);
    if (!name.empty()) return name;
  }
  const bool is_leaky = layer_class == "LeakyReLU" && std::isinf(function.max_value) && function.threshold == 0;
  switch (function.kind) {
    case ActivationKind::relu:
      if (layer_class == "ThresholdedReLU" && keras2)
        return activation_layer(layer_class, {{"theta", function.threshold}}, rules, policy);
      if (is_leaky)
        return activation_layer(layer_class, {{keras2 ? "alpha" : "negative_slope", function.negative_slope}}, rules,
                                policy);
      return activation_layer("ReLU",
                              {{"max_value", finite_or_null(function.max_value)},
                               {"negative_slope", function.negative_slope},
                               {"threshold", function.threshold}},
                              rules, policy);
    case ActivationKind::elu: return activation_layer("ELU", {{"alpha", function.alpha}}, rules, policy);
    case ActivationKind::softmax: return activation_layer("Softmax", {{"axis", function.axis}}, rules, policy);
    default:
      throw std::invalid_argument("`activation`: Keras has no saved form of " + to_text(function) +
                                  "; only relu, elu and softmax have layers that keep parameters");
  }
}

}  // namespace sepconv::keras
