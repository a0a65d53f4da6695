#pragma once
// Which layers of a model become one problem.

#include "runtime/keras/model_document.h"
#include "sepconv/plan.h"

namespace sepconv::keras {

/// Plans every convolution layer of a Functional or Sequential model.
/// @throws std::invalid_argument naming the file and the layer.
Plan plan_model(const ModelDocument& document, const PlanOptions& options);

/// Plans a LAYERS.json: a list of {"class_name", "config", "input_shape" or "build_config"} objects, each with an
/// optional "api" ("keras3", the default, or "tf_keras2"). Unlike in files that Keras wrote, an unknown key of a
/// configuration is refused: it is a slip of somebody's pen.
Plan plan_layer_list(const ModelDocument& document, const PlanOptions& options);

/// True when the JSON is such a list, or one such object.
bool is_layer_list(const nlohmann::json& json);

}  // namespace sepconv::keras
