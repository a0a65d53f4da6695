#pragma once
// The one reader of Keras' serialised convolution layers. For problems alone: conv_layer_config() in keras_layer.h.

#include <nlohmann/json.hpp>

#include "sepconv/detail/layer_config.h"
#include "sepconv/layer_from_config.h"

namespace sepconv::keras {

/// All arguments of {"class_name": ..., "config": {...}}, one of the four classes.
/// @throws as layer_from_config()
LayerConfig read_layer_config(const nlohmann::json& layer, const FromConfigOptions& options);

}  // namespace sepconv::keras
