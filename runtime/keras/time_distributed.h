#pragma once
// What TimeDistributed does to a graph: the layers inside see time as a part of the batch.

#include <optional>

#include "runtime/keras/model_graph.h"

namespace sepconv::keras {

/// The output's shape of a call that takes time into the batch, or out of it.
std::optional<Shape> time_shape(const ModelGraph& graph, const LayerCall& call);

/// Where a TimeDistributed layer reads another one, the layers inside of the second read those of the first, so that
/// what stands in a row can become one problem.
void join_time_distributed(ModelGraph& graph);

}  // namespace sepconv::keras
