#pragma once
// Loads the convolution layers of a model file as layer objects, and saves weights as files that Keras and NumPy load.
// Needs the Keras reader library, sepconv::keras.

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

/// Writes the weights of built layers. If `path` ends in ".weights.h5", Keras 3's load_weights() loads the file into a
/// Sequential or Functional model of these layers in this order. If it ends in ".npz", the file has the arrays
/// "<weight>" for a single layer or "<layer>.<weight>" for several, with bfloat16 as uint16 bits. The file appears
/// whole or not at all.
/// @throws std::invalid_argument for another ending, a layer that is not built, or two layers of one name in an .npz;
///         std::runtime_error naming the path if it cannot be written
void save_weights(const std::vector<const KerasConvLayer*>& layers, const std::filesystem::path& path);
void save_weights(const KerasConvLayer& layer, const std::filesystem::path& path);
/// The same for the layers of a model; an .npz names them by their paths.
void save_weights_by_path(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path);

/// Writes the weights of all layers of a .keras, .h5 or TensorFlow.js model as a ".weights.h5". load_weights() of the
/// same model loads it in Keras 3 and in tf.keras 2.14 and later. The weights of a .keras file are copied byte for
/// byte, optimizer included.
/// @param weights  as for load_layers
/// @throws std::invalid_argument naming the file and what is wrong with it, or a layer of a foreign class whose
///         weights have no known place; std::runtime_error as save_weights
void save_model_weights(const std::filesystem::path& model, const std::filesystem::path& path,
                        const std::filesystem::path& weights = {});

/// The same in two steps, for a program that reads models in a child process. The first two return the content of the
/// file that save_weights_by_path() or save_model_weights() would write to `path`; the third writes it.
/// @throws as those
std::string weights_file(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path);
std::string model_weights_file(const std::filesystem::path& model, const std::filesystem::path& path,
                               const std::filesystem::path& weights = {});
void write_weights_file(const std::string& bytes, const std::filesystem::path& path);

}  // namespace sepconv
