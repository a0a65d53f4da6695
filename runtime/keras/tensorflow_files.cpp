#include "runtime/keras/tensorflow_files.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>

namespace sepconv::keras {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

fs::path with_ending(const fs::path& path, const char* ending) { return path.string() + ending; }

/// "model.ckpt.data-00000-of-00001"
bool is_shard_name(const std::string& name) {
  const std::size_t data = name.rfind(".data-");
  if (data == std::string::npos) return false;
  const std::string rest = name.substr(data + 6);
  const std::size_t of = rest.find("-of-");
  const auto digits = [](const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return of != std::string::npos && digits(rest.substr(0, of)) && digits(rest.substr(of + 4));
}

/// The text file in which TensorFlow keeps the name of the latest checkpoint.
bool is_checkpoint_state(const fs::path& path) {
  if (path.filename() != "checkpoint" || !is_file(path)) return false;
  constexpr std::string_view kStart = "model_checkpoint_path";
  std::string start(kStart.size(), '\0');
  std::ifstream(path, std::ios::binary).read(start.data(), static_cast<std::streamsize>(start.size()));
  return start == kStart;
}

/// LevelDB's table, as the index of a checkpoint is written.
bool is_checkpoint_index(const fs::path& path) {
  constexpr std::string_view kMagic = "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  std::ifstream file(path, std::ios::binary);
  std::string end(kMagic.size(), '\0');
  return file.seekg(-static_cast<std::streamoff>(end.size()), std::ios::end) &&
         file.read(end.data(), static_cast<std::streamsize>(end.size())) && end == kMagic;
}

bool is_checkpoint(const fs::path& path) {
  const std::string name = path.filename().string();
  if (is_checkpoint_state(path)) return true;
  if (is_file(path)) return is_shard_name(name) || path.extension() == ".index" || is_checkpoint_index(path);
  if (is_folder(path)) return is_checkpoint_state(path / "checkpoint");
  return is_file(with_ending(path, ".index")) || is_file(with_ending(path, ".data-00000-of-00001"));
}

bool is_saved_model(const fs::path& path) {
  if (is_folder(path)) return is_file(path / "saved_model.pb") || is_folder(path / "variables");
  return is_file(path) && path.extension() == ".pb";
}

}  // namespace

void refuse_tensorflow_formats(const fs::path& path) {
  if (is_saved_model(path))
    throw std::invalid_argument(
        path.string() +
        ": a TensorFlow SavedModel, which is not supported; load it in Keras and save it as .keras or .h5");
  if (is_checkpoint(path))
    throw std::invalid_argument(
        path.string() +
        ": a TensorFlow checkpoint, which is not supported; load it in Keras with load_weights() and save it with "
        "save_weights() as .weights.h5 or .h5");
}

}  // namespace sepconv::keras
