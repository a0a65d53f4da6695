#pragma once
// Loads the convolution layers of a model file as layer objects. Needs the Keras reader library, sepconv::keras.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/detail/model_options.h"
#include "sepconv/layers.h"

namespace sepconv {

struct LoadedLayer {
  std::string path;  // "outer/inner" for a layer of a nested model, else the layer's name
  KerasConvLayer layer;
};

enum class NoWeights { initialize, refuse };

/// Loads the SeparableConv and DepthwiseConv layers of a .keras, .h5, .json or TensorFlow.js model and of its nested
/// models, in the model's order, built and with weights. If the file has no weights, the initializers make them, or the
/// layer is not built if its input shape is unknown; the options can supply it. Nothing is folded into a layer. If the
/// file has weights, custom initializers, regularizers and constraints are left out.
/// The files must be trusted: they are read in this process, by libraries that a hostile file may crash (HDF5). The
/// sepconv program reads them in a child process.
/// @param no_weights  what to do if no file holds weights
/// @throws std::invalid_argument naming the file, the layer and what is wrong
std::vector<LoadedLayer> load_layers(const std::filesystem::path& model, const ModelOptions& options = {},
                                     NoWeights no_weights = NoWeights::initialize);

}  // namespace sepconv
