#pragma once
// A file of weights that the user brings for a model.

#include <filesystem>

#include "runtime/keras/model_document.h"

namespace sepconv::keras {

/// Puts the file's weights in the place of the document's own: those of an .h5 of save_weights() or save(), of a
/// .weights.h5, or of a .keras model.
/// @throws std::invalid_argument naming the file and why it cannot be read, or that the document is no model
void take_weights(ModelDocument& document, const std::filesystem::path& path);

/// The message for a model without weights where some are needed.
std::string no_weights(const std::filesystem::path& model);

/// True for the names of one layer in two sessions of Keras: equal, or made from the class and a running number
/// ("conv2d", "conv2d_7").
bool is_same_layer_name(const std::string& a, const std::string& b, const std::string& class_name);

}  // namespace sepconv::keras
