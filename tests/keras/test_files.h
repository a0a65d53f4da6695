#pragma once
// Builds model files in memory for the tests: JSON of small models, zip archives and HDF5 files.

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "runtime/keras/model_document.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras::test {

std::filesystem::path data_path(const std::string& name);
std::string read_file(const std::filesystem::path& path);

/// A zip of stored members.
std::string make_zip(const std::vector<std::pair<std::string, std::string>>& members);

enum class Storage { float16, bfloat16, float32, float64, int32 };

struct Dataset {
  std::string path;
  KerasArray array;
  Storage storage = Storage::float32;
};
struct StringAttribute {
  std::string path, name;
  std::vector<std::string> values;
  bool scalar = false;
};
/// Groups on the way are made as needed.
std::string make_hdf5(const std::vector<Dataset>& datasets, const std::vector<StringAttribute>& attributes = {});

/// The weights of one outermost layer, as a legacy .h5 file names them.
struct LegacyLayer {
  std::string name;
  std::vector<std::pair<std::string, KerasArray>> weights;
};
/// A legacy .h5 file of tf.keras 2: of save() with the model, of save_weights() where the model is null.
std::string make_legacy(const nlohmann::json& model, const std::vector<LegacyLayer>& layers);

/// A .keras archive.
std::string make_archive(const nlohmann::json& model, const std::string& weights);

/// Writes files into a folder that goes with the object.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(const std::string& name);
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  /// @return the file's path; folders on the way are made
  std::filesystem::path write(const std::string& name, const std::string& content) const;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// What the function throws as std::invalid_argument; empty when it throws nothing.
std::string refusal(const std::function<void()>& function);

/// A layer in Keras 3's form. `inputs` are names of layers; "name:1" reads its second call.
nlohmann::json layer(const std::string& class_name, const std::string& name, nlohmann::json config = {},
                     const std::vector<std::vector<std::string>>& calls = {});
nlohmann::json input(const std::string& name, nlohmann::json batch_shape);
nlohmann::json functional(const std::string& name, const std::vector<nlohmann::json>& layers,
                          const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);
nlohmann::json sequential(const std::string& name, const std::vector<nlohmann::json>& layers);

/// The document of a model without weights, as read from JSON.
ModelDocument document(const nlohmann::json& model, KerasRules rules = KerasRules::keras_3);

/// Deterministic values in [-1, 1).
KerasArray array(std::vector<std::int64_t> shape, unsigned seed);

}  // namespace sepconv::keras::test
