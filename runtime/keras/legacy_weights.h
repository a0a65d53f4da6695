#pragma once
// Which dataset of a legacy .h5 file is which weight: by order, as Keras loads them. The names say nothing reliable:
// they may hold '/', scopes, or the names of layers around.

#include <map>
#include <string>
#include <vector>

#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/weight_layout.h"

namespace sepconv::keras {

/// Where the weights of a model's layers are in its file. Keys are groups of a WeightNode.
struct LocatedWeights {
  std::map<std::string, std::vector<std::string>> datasets;  // in the order of WeightNode::weights
  std::map<std::string, std::string> problems;               // why a layer, or all inside an outermost one, has none
  std::vector<std::string> unused;                           // the file's layers that the model lacks
  std::size_t count = 0;                                     // arrays of all layers in the file
};

/// @param layers  the model's outermost layers
/// @throws std::invalid_argument for a file without layer_names; and, where the document's weights were given, naming
///         the first weight whose name, shape or count differs from the model's
LocatedWeights locate_legacy_weights(const Hdf5File& file, const ModelDocument& document,
                                     const std::vector<WeightNode>& layers);

/// @throws std::invalid_argument naming file, layer and weight when the shape of an array contradicts the model
void check_weight_shape(const std::string& file, const WeightNode& node, std::size_t index, const std::string& dataset,
                        const std::vector<std::int64_t>& shape);

}  // namespace sepconv::keras
