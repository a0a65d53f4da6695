#include "runtime/keras/model_document.h"

#include <fstream>
#include <stdexcept>
#include <system_error>

#include "runtime/keras/given_weights.h"
#include "runtime/keras/hdf5_file.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/tensorflow_files.h"
#include "runtime/keras/tfjs_model.h"
#include "runtime/keras/zip_archive.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

constexpr std::uintmax_t kMaxFileBytes = std::uintmax_t{4} << 30;
constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{128} << 20;  // of a member of an archive
constexpr std::string_view kHdf5Signature = "\x89HDF\r\n\x1a\n";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // some editors put it in front of a text

ModelDocument from_archive(const std::string& bytes, const std::string& file) {
  const ZipArchive archive(bytes, file);
  const auto config = archive.read("config.json", kMaxJsonBytes);
  if (!config) throw std::invalid_argument(file + ": no config.json in the archive: not a .keras model");
  ModelDocument document{file, parse_json(*config, file + ": config.json")};
  if (const auto metadata = archive.read("metadata.json", kMaxJsonBytes)) {
    const json parsed = parse_json(*metadata, file + ": metadata.json");
    document.rules = rules_of_version(member(parsed, "keras_version"), KerasRules::keras_3, file + ": metadata.json");
  }
  if (auto weights = archive.read("model.weights.h5")) {
    document.weights = std::move(*weights);
    document.weights_form = WeightsForm::keras3;
    return document;
  }
  for (const std::string& name : archive.names())
    if (name.find("model.weights") == 0)
      throw std::invalid_argument(file + ": weights stored as " + name +
                                  " are not read; save the model with its weights in one model.weights.h5");
  throw std::invalid_argument(file + ": no model.weights.h5 in the archive");
}

ModelDocument from_hdf5(std::string bytes, const std::string& file) {
  ModelDocument document{file};
  {
    const Hdf5File hdf5(bytes, file);
    if (!hdf5.has_attribute("/", "model_config"))
      throw std::invalid_argument(file +
                                  ": no model_config attribute: it holds weights but no model; pass the model's .json, "
                                  "and this file with --weights");
    const auto text_of = [&](const char* name) {
      const auto strings = hdf5.strings("/", name);
      if (strings.size() != 1) throw std::invalid_argument(file + ": attribute '" + name + "' is not one string");
      return strings[0];
    };
    document.json = parse_json(text_of("model_config"), file + ": model_config");
    document.rules = hdf5.has_attribute("/", "keras_version")
                         ? rules_of_version(text_of("keras_version"), KerasRules::tf_keras_2, file + ": keras_version")
                         : KerasRules::tf_keras_2;
    if (!hdf5.has("/model_weights"))
      throw std::invalid_argument(file + ": no model_weights group: the file holds no weights");
  }
  document.weights = std::move(bytes);
  document.weights_form = WeightsForm::legacy;
  return document;
}

}  // namespace

KerasRules rules_of_version(const json& version, KerasRules fallback, const std::string& what) {
  if (version.is_null()) return fallback;
  if (!version.is_string()) throw std::invalid_argument(what + ": keras_version is not a string: " + shown(version));
  try {
    return keras_rules_from_text(version.get<std::string>());
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(what + ": " + error.what());
  }
}

std::string read_file_bytes(const std::filesystem::path& path) {
  refuse_tensorflow_formats(path);
  std::error_code error;
  if (std::filesystem::is_regular_file(path / "config.json", error))
    throw std::invalid_argument(path.string() +
                                ": a folder; pass its config.json, and its model.weights.h5 with --weights");
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) throw std::invalid_argument(path.string() + ": a folder, not a file");
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw std::invalid_argument(path.string() + ": a pipe or a device, not a file");
  if (status.type() == std::filesystem::file_type::not_found)
    throw std::invalid_argument(path.string() + ": no such file");
  if (error) throw std::invalid_argument(path.string() + ": " + error.message());
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) throw std::invalid_argument(path.string() + ": " + error.message());
  if (size > kMaxFileBytes) throw std::invalid_argument(path.string() + ": larger than 4 GiB");
  std::string bytes(size, '\0');
  std::ifstream stream(path, std::ios::binary);
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(size)))
    throw std::invalid_argument(path.string() + ": cannot be read");
  return bytes;
}

bool is_hdf5(const std::string& bytes) { return bytes.compare(0, kHdf5Signature.size(), kHdf5Signature) == 0; }

bool is_zip(const std::string& bytes) { return bytes.compare(0, 2, "PK") == 0; }

ModelDocument read_document(const std::filesystem::path& path, const std::filesystem::path& weights) {
  ModelDocument document = read_document_bytes(read_file_bytes(path), path.string(), path.parent_path());
  if (!weights.empty()) take_weights(document, weights);
  return document;
}

ModelDocument read_document_bytes(std::string bytes, const std::string& file, const std::filesystem::path& folder) {
  if (bytes.empty()) throw std::invalid_argument(file + ": the file is empty");
  if (is_zip(bytes)) return from_archive(bytes, file);
  if (is_hdf5(bytes)) return from_hdf5(std::move(bytes), file);
  const std::size_t mark = bytes.compare(0, kByteOrderMark.size(), kByteOrderMark) == 0 ? kByteOrderMark.size() : 0;
  const std::size_t start = bytes.find_first_not_of(" \t\r\n", mark);
  if (start == std::string::npos || std::string_view("{[\"").find(bytes[start]) == std::string_view::npos)
    throw std::invalid_argument(file + ": neither a .keras archive, an HDF5 file, nor JSON");
  ModelDocument document{file, parse_json(bytes, file)};
  // json.dump(model.to_json(), file) writes the text as a string.
  if (document.json.is_string()) document.json = parse_json(document.json.get<std::string>(), file);
  if (is_tfjs(document.json)) return tfjs_document(document.json, file, folder);
  const json& version = member(document.json, "keras_version");
  // Keras 3 writes no version into JSON, but names the module of each object; tf.keras 2 always writes its version.
  document.rules = rules_of_version(version, KerasRules::keras_3, file);
  return document;
}

}  // namespace sepconv::keras
