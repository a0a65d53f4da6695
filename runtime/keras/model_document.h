#pragma once
// Which of Keras' formats a file is, and its parts: the model as JSON, the Keras that wrote it, the bytes of its
// weights.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "sepconv/keras_layer.h"

namespace sepconv::keras {

enum class WeightsForm {
  none,    // a configuration only
  keras3,  // model.weights.h5 of a .keras archive: groups numbered per class
  legacy,  // .h5: groups named by layer_names and weight_names
};

struct ModelDocument {
  std::string file;     // for messages
  nlohmann::json json;  // a model object, or a list of layers (LAYERS.json)
  KerasRules rules = KerasRules::keras_3;
  WeightsForm weights_form = WeightsForm::none;
  std::string weights;  // an HDF5 file
};

/// Tells the formats apart by their first bytes, not by the file's name.
/// @throws std::invalid_argument naming the file, the part, and what is wrong with it.
ModelDocument read_document(const std::filesystem::path& path);

/// The same for the content of a file. @param file  names it in messages
ModelDocument read_document_bytes(std::string bytes, const std::string& file);

}  // namespace sepconv::keras
