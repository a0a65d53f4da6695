#pragma once
// A suite: layers with fixed extents that several libraries are timed on (bench/suites/peers.json).

#include "runtime/keras/model_document.h"
#include "sepconv/plan.h"

namespace sepconv::keras {

/// True when the JSON is an object with a "format" or with "layers", and no object that Keras wrote.
bool is_layer_suite(const nlohmann::json& json);

/// Plans {"format": 1, "groups": [...], "bars": ..., "layers": [{"name", "group", "kind", "dims", "batch", "H" and "W",
/// or "L", "C", "depth_multiplier", "F", "kernel", "stride", "dilation", "padding", "data_format", "activation",
/// "bias", "dtype", "source"}]}. "bars" and "source" are for people and other programs. 1-D layers of both kinds may be
/// causal.
/// @throws std::invalid_argument in one line that names the file, the layer, the field, its value and what is allowed.
Plan plan_layer_suite(const ModelDocument& document);

}  // namespace sepconv::keras
