#pragma once
// Converts Keras' serialised configurations to layers and back. Needs the Keras reader library, sepconv::keras.

#include <nlohmann/json_fwd.hpp>

#include "sepconv/detail/keras_rules.h"
#include "sepconv/layers.h"

namespace sepconv {

/// Settings that a Keras configuration does not hold.
struct FromConfigOptions {
  FromConfigOptions(KerasRules rules_in = KerasRules::keras_3) : rules(rules_in) {}

  KerasRules rules;               // the rules of the Keras that wrote it
  bool causal_extension = false;  // this and the next two: as the constructor arguments of these names
  bool strict_float = false;
  std::uint64_t seed = 0;
};

/// Makes the layer of {"class_name": ..., "config": {...}}, one of the four classes, and builds it if there is a
/// "build_config" with an input shape. Refuses unknown keys of the configuration, as Keras refuses unknown arguments,
/// except the meaningless ones that tf.keras 2 writes.
/// @throws std::invalid_argument in Keras' words, naming the argument, if Keras' constructor refuses it.
///         build() refuses what Keras refuses only when it builds or calls the layer (filters=3.0).
///         NotCompiledError (keras_layer.h) for activations that Keras knows and no kernel computes.
KerasConvLayer layer_from_config(const nlohmann::json& layer, const FromConfigOptions& options = {});

/// The layer's configuration as its Keras writes it: the "config" of serialize(). With tf.keras 2's rules it omits the
/// four meaningless keys (groups, kernel_initializer, kernel_regularizer, kernel_constraint), so that Keras 3 can also
/// load the configuration.
/// @throws std::invalid_argument for an activation that Keras cannot save, such as celu with another alpha
nlohmann::json get_config(const KerasConvLayer& layer);

/// {"module", "class_name", "config", "registered_name"}, and "build_config" once built. Keras'
/// deserialize_keras_object reads it.
nlohmann::json serialize(const KerasConvLayer& layer);

}  // namespace sepconv
