#pragma once
// The shapes of the tensors of a model.

#include <string>

#include "runtime/keras/model_graph.h"

namespace sepconv::keras {

/// Fills in the shapes that calls read and make. The model's inputs and the rules of its layers come first; what the
/// options give, what the file has recorded, and what the weights tell follow in this order, each only for what is not
/// known yet: layers may have been built in another model, at another size.
/// @throws std::invalid_argument naming the file and the shape of the options that fits nothing.
void set_shapes(ModelGraph& graph, const std::string& file, const ModelOptions& options, const ChannelsOf& channels);

}  // namespace sepconv::keras
