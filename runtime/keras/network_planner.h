#pragma once
// A whole model, or a part of it, as calls of kernels.

#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"
#include "sepconv/plan.h"

namespace sepconv::keras {

/// Sets plan.network, or plan.why_no_network to the first layer that prevents it, and why.
/// @throws std::invalid_argument for names in the options that the model lacks
void plan_network(const ModelDocument& document, const PlanOptions& options, const ModelGraph& graph,
                  const LayerWeights& weights, Plan& plan);

}  // namespace sepconv::keras
