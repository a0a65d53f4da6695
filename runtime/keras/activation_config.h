#pragma once
// Activations as Keras serialises them: a name, a function, or an activation layer with parameters.

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>

#include "sepconv/detail/activation.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

/// What Keras takes when the layer is made and refuses when the layer is built or called.
class CallError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

/// The value of a layer's `activation`; null is linear.
/// @param what         the layer, for messages
/// @param tensor_rank  of the tensor that the function sees, the batch included: Softmax layers may count their axis
///                     from the first one; 0 where it is unknown
/// @throws std::invalid_argument for what this Keras does not know; CallError for a name that fails when called;
///         NotCompiledError for custom functions, PReLU (which has weights) and Softmax over several axes.
Activation activation_from_json(const nlohmann::json& value, KerasRules rules, const std::string& what,
                                int tensor_rank = 0);

/// True for the classes of layers that apply one activation.
bool is_activation_class(const std::string& class_name);

/// The function of such a layer. Throws as activation_from_json.
Activation activation_of_layer(const std::string& class_name, const nlohmann::json& config, KerasRules rules,
                               const std::string& what, int tensor_rank = 0);

/// Type that a policy of this name computes in: the 16-bit type of the mixed ones; nothing for all but
/// the floating point policies that layers are compiled for.
std::optional<DataType> compute_dtype(const std::string& policy);

/// Name of a layer's dtype policy: a string, a DTypePolicy or tf.keras 2's Policy; "float32" when absent or null.
/// @throws std::invalid_argument naming `what` when it is none of these.
std::string dtype_policy_name(const nlohmann::json& config, const std::string& what);

}  // namespace sepconv::keras
