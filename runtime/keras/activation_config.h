#pragma once
// Activations as Keras serialises them: a name, a function, or an activation layer with parameters.

#include <nlohmann/json.hpp>
#include <string>

#include "sepconv/activation.h"
#include "sepconv/keras_layer.h"

namespace sepconv::keras {

/// The value of a layer's `activation`; null is linear.
/// @param what  the layer, for messages
/// @throws std::invalid_argument for what this Keras does not know; NotCompiledError for functions without a kernel.
Activation activation_from_json(const nlohmann::json& value, KerasRules rules, const std::string& what);

/// True for the classes of layers that apply one elementwise or last-axis activation and have no weights.
bool is_activation_class(const std::string& class_name);

/// The function of such a layer. Throws as activation_from_json.
Activation activation_of_layer(const std::string& class_name, const nlohmann::json& config, KerasRules rules,
                               const std::string& what);

/// Name of a layer's dtype policy: a string, a DTypePolicy or tf.keras 2's Policy; "float32" when absent or null.
/// @throws std::invalid_argument naming `what` when it is none of these.
std::string dtype_policy_name(const nlohmann::json& config, const std::string& what);

}  // namespace sepconv::keras
