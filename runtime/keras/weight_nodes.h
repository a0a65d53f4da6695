#pragma once
// A model's layers with their weights, and the layers and cells inside them.

#include "runtime/keras/weight_layout.h"

namespace sepconv::keras {

/// @param layer       a serialised layer, wrapper, cell or model
/// @param outer_name  of the model or layer around it, for messages; empty for none
/// @param group       its own group
WeightNode weight_node(const nlohmann::json& layer, const std::string& outer_name, const std::string& group,
                       KerasRules rules);

/// The layers of a model, whose groups lie below `group`; empty for the outermost model.
std::vector<WeightNode> model_nodes(const nlohmann::json& model, const std::string& outer_name,
                                    const std::string& group, KerasRules rules);

}  // namespace sepconv::keras
