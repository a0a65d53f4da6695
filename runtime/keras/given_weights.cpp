#include "runtime/keras/given_weights.h"

#include <stdexcept>

#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_weights.h"
#include "runtime/keras/model_graph.h"

namespace sepconv::keras {
namespace {

/// The name without a running number at its end.
std::string without_number(const std::string& name) {
  const std::size_t end = name.find_last_not_of("0123456789");
  const bool numbered = end != std::string::npos && end + 1 < name.size() && end > 0 && name[end] == '_';
  return numbered ? name.substr(0, end) : name;
}

/// Where an HDF5 file keeps the weights.
void find_weights(ModelDocument& document, const std::string& what) {
  const Hdf5File hdf5(document.weights, what);
  const auto has_names = [&](const std::string& path) {
    return hdf5.has_attribute(path, "layer_names") || hdf5.has_attribute(path, "layer_names0");
  };
  document.weights_form = WeightsForm::legacy;
  if (has_names("/")) {
    document.legacy_root = "";
  } else if (hdf5.has("/model_weights") && has_names("/model_weights")) {
    document.legacy_root = "/model_weights";
  } else if (hdf5.has("/" + std::string(kWeightsRoot)) || hdf5.has("/" + std::string(kOldWeightsRoot))) {
    document.weights_form = WeightsForm::keras3;
  } else {
    throw std::invalid_argument(what + ": holds no Keras weights: neither layer_names nor a group 'layers'");
  }
}

}  // namespace

void take_weights(ModelDocument& document, const std::filesystem::path& path) {
  if (!is_model(document.json))
    throw std::invalid_argument(document.file + ": takes no weights from '" + path.string() +
                                "': it is not a Functional or Sequential model");
  std::string bytes = read_file_bytes(path);
  const std::string what = path.string();
  if (is_zip(bytes)) {
    ModelDocument other = read_document_bytes(std::move(bytes), what);
    bytes = std::move(other.weights);
  } else if (!is_hdf5(bytes)) {
    throw std::invalid_argument(what + ": not a weights file; expected .h5, .weights.h5 or .keras");
  }
  document.weights = std::move(bytes);
  document.weights_file = what;
  document.weights_given = true;
  document.arrays.clear();
  find_weights(document, what);
}

std::string no_weights(const std::filesystem::path& model) {
  return model.string() + ": holds a configuration without weights; pass the weights file with --weights";
}

bool is_same_layer_name(const std::string& a, const std::string& b, const std::string& class_name) {
  if (a == b) return true;
  const std::string base = without_number(a);
  if (base != without_number(b)) return false;
  return base == snake_case(class_name) || base == "model" || base == "functional";
}

}  // namespace sepconv::keras
