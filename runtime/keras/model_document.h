#pragma once
// Which of Keras' formats a file is, and its parts: the model as JSON, the Keras that wrote it, the bytes of its
// weights.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

enum class WeightsForm {
  none,    // a configuration only
  keras3,  // model.weights.h5 of a .keras archive: groups numbered per class
  legacy,  // .h5: groups named by layer_names and weight_names
  tfjs,    // TensorFlow.js: named arrays one after the other
};

/// An array in the shards of a TensorFlow.js model.
struct StoredArray {
  std::string name;
  std::vector<std::int64_t> shape;
  std::string dtype;                  // as stored: "float32", or "uint8", "uint16" or "float16" where it is quantized
  double scale = 1, min = 0;          // of a quantized array: value = stored * scale + min
  std::size_t offset = 0, bytes = 0;  // in ModelDocument::weights
};

struct ModelDocument {
  std::string file;     // for messages
  nlohmann::json json;  // a model object, or a list of layers (LAYERS.json)
  KerasRules rules = KerasRules::keras_3;
  WeightsForm weights_form = WeightsForm::none;
  std::string weights;                         // an HDF5 file, or the shards of TensorFlow.js
  std::string weights_file = {};               // for messages, where it is not `file`
  bool weights_given = false;                  // the user brought the weights' file; it must fit the model
  std::string legacy_root = "/model_weights";  // what the layers' groups lie below
  std::vector<StoredArray> arrays = {};        // TensorFlow.js: in the order of the shards
};

/// Tells the formats apart by their first bytes, not by the file's name.
/// @param weights  a file that holds the model's weights, in place of its own; empty for none
/// @throws std::invalid_argument naming the file, the part, and what is wrong with it.
ModelDocument read_document(const std::filesystem::path& path, const std::filesystem::path& weights = {});

/// The same for the content of a file.
/// @param file    names it in messages
/// @param folder  where the shards of a TensorFlow.js model lie
ModelDocument read_document_bytes(std::string bytes, const std::string& file, const std::filesystem::path& folder = {});

/// The rules of the Keras whose version a file names; `fallback` for null.
/// @param what  names the version in messages
KerasRules rules_of_version(const nlohmann::json& version, KerasRules fallback, const std::string& what);

/// A model's or a weights' file as it is.
/// @throws std::invalid_argument naming the path where it is no file, too large, or in a format of TensorFlow's own
std::string read_file_bytes(const std::filesystem::path& path);

/// True for the first bytes of an HDF5 file, or of a zip archive.
bool is_hdf5(const std::string& bytes);
bool is_zip(const std::string& bytes);

}  // namespace sepconv::keras
