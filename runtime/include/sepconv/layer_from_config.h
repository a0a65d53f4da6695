#pragma once
// Keras layers from Keras' serialised configurations, and back. Needs the Keras reader library, sepconv::keras.

#include <nlohmann/json_fwd.hpp>

#include "sepconv/detail/keras_rules.h"
#include "sepconv/layers.h"

namespace sepconv {

/// What a configuration of Keras does not say.
struct FromConfigOptions {
  FromConfigOptions(KerasRules rules_in = KerasRules::keras_3) : rules(rules_in) {}

  KerasRules rules;               // of the Keras that wrote it
  bool causal_extension = false;  // as the constructors' arguments of these names
  bool strict_float = false;
  std::uint64_t seed = 0;
};

/// The layer of {"class_name": ..., "config": {...}}, one of the four classes; built where there is a "build_config"
/// with an input shape. Unknown keys of the configuration are refused as Keras refuses unknown arguments, but not those
/// that tf.keras 2 writes without a meaning.
/// @throws std::invalid_argument in Keras' words where Keras refuses the layer when it is made, naming the argument.
///         What Keras refuses only when it builds or calls the layer (filters=3.0), build() refuses.
///         NotCompiledError (keras_layer.h) for activations that Keras knows and no kernel computes.
KerasConvLayer layer_from_config(const nlohmann::json& layer, const FromConfigOptions& options = {});

/// The layer's configuration as its Keras writes it: the "config" of serialize(). With tf.keras 2's rules the four keys
/// without a meaning (groups, kernel_initializer, kernel_regularizer, kernel_constraint) are left out, so that Keras 3
/// loads the configuration too.
/// @throws std::invalid_argument for an activation that Keras has no saved form of, such as celu with another alpha
nlohmann::json get_config(const KerasConvLayer& layer);

/// {"module", "class_name", "config", "registered_name"}, and "build_config" once built: what Keras'
/// deserialize_keras_object takes.
nlohmann::json serialize(const KerasConvLayer& layer);

}  // namespace sepconv
