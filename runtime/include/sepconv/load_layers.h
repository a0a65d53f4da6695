#pragma once
// The convolution layers of a model file as layer objects. Needs the Keras reader library, sepconv::keras.

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

/// The SeparableConv and DepthwiseConv layers of a .keras, .h5, .json or TensorFlow.js model, those of nested models
/// too, in the model's order, built and with its weights. From a file without weights they come with weights from their
/// initializers, or not built where their input's shape is not known; the options can tell it. Nothing is folded into a
/// layer. Initializers, regularizers and constraints of another author are left out where the file has weights.
/// The files are trusted: they are read in this process, by libraries that a hostile file may crash (HDF5). The sepconv
/// program reads them in a child process.
/// @param no_weights  what to do where no file holds weights
/// @throws std::invalid_argument naming the file, the layer and what is wrong
std::vector<LoadedLayer> load_layers(const std::filesystem::path& model, const ModelOptions& options = {},
                                     NoWeights no_weights = NoWeights::initialize);

}  // namespace sepconv
