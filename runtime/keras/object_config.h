#pragma once
// Initializers, regularizers, constraints and activations as members of a layer's configuration.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sepconv/detail/layer_args.h"

namespace sepconv::keras {

/// A name, {"class_name", "config"}, or null for Keras' None.
/// @param key  the argument, for messages
/// @throws std::invalid_argument in Keras' words
std::optional<Initializer> initializer_from_json(const nlohmann::json& value, const std::string& key);
Regularizer regularizer_from_json(const nlohmann::json& value, const std::string& key, KerasRules rules);
Constraint constraint_from_json(const nlohmann::json& value, const std::string& key, KerasRules rules);

nlohmann::json to_json(const std::optional<Initializer>& initializer);
nlohmann::json to_json(const Regularizer& regularizer);
nlohmann::json to_json(const Constraint& constraint);

/// {"module", "class_name", "config", "registered_name": null}
nlohmann::json keras_object(const std::string& module, const std::string& class_name, nlohmann::json config);

/// A policy as this Keras writes it.
nlohmann::json dtype_to_json(const std::string& policy, KerasRules rules);

/// A name, or the activation layer that has the function's parameters.
/// @throws std::invalid_argument for a function that Keras cannot save
nlohmann::json activation_to_json(const ActivationArg& argument, const Activation& function, KerasRules rules,
                                  const std::string& policy);

}  // namespace sepconv::keras
