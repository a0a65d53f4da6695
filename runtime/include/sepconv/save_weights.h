#pragma once
// Weights as files that Keras and NumPy load. Needs the Keras reader library, sepconv::keras.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/load_layers.h"

namespace sepconv {

/// Writes the weights of built layers. A path that ends in ".weights.h5" becomes what Keras 3's load_weights() takes
/// for a Sequential or Functional model of these layers in this order. One that ends in ".npz"
/// has the arrays "<weight>" of a single layer, or "<layer>.<weight>" of several, bfloat16 as uint16 bits. The file
/// appears whole or not at all.
/// @throws std::invalid_argument for another ending, a layer that is not built, or two layers of one name in an .npz;
///         std::runtime_error naming the path when it cannot be written
void save_weights(const std::vector<const KerasConvLayer*>& layers, const std::filesystem::path& path);
void save_weights(const KerasConvLayer& layer, const std::filesystem::path& path);
/// The same for layers of a model; an .npz names them by their paths.
void save_weights_by_path(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path);

/// Writes all weights of a .keras, .h5 or TensorFlow.js model, of every layer that has some, as a ".weights.h5" that
/// load_weights() of the same model takes, in Keras 3 and tf.keras 2.14 and later. Those of a .keras file of these are
/// taken over byte for byte, optimizer included.
/// @param weights  as for load_layers
/// @throws std::invalid_argument naming the file and what is wrong with it, or the layer of a foreign class whose
///         weights have no known place; std::runtime_error as save_weights
void save_model_weights(const std::filesystem::path& model, const std::filesystem::path& path,
                        const std::filesystem::path& weights = {});

/// In two steps, for a program that reads models in a process of their own: the content of the file that
/// save_weights_by_path() or save_model_weights() would write to `path`, and writing it, whole or not at all.
/// @throws as those
std::string weights_file(const std::vector<LoadedLayer>& layers, const std::filesystem::path& path);
std::string model_weights_file(const std::filesystem::path& model, const std::filesystem::path& path,
                               const std::filesystem::path& weights = {});
void write_weights_file(const std::string& bytes, const std::filesystem::path& path);

}  // namespace sepconv
