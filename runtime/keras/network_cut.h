#pragma once
// The part of a model that a network is made of.

#include <string>
#include <vector>

#include "runtime/keras/model_graph.h"
#include "sepconv/plan.h"

namespace sepconv::keras {

struct NetworkCut {
  std::vector<bool> calls;  // those of the graph that are in the network
  std::vector<TensorRef> inputs, outputs;
  std::vector<std::string> output_names;  // of the model's own outputs, parallel to them; none where the end is cut
};

/// All calls that the model's outputs depend on, or those from one layer to another.
/// @throws std::invalid_argument naming the layer that the options name and the model lacks, or that leads nowhere
NetworkCut cut_network(const ModelGraph& graph, const PlanOptions& options, const std::string& file);

}  // namespace sepconv::keras
