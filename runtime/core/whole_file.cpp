#include "whole_file.h"

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <system_error>

namespace sepconv::detail {

std::optional<std::string> write_whole_file(const std::filesystem::path& path, std::string_view bytes) {
  static std::atomic<unsigned> serial{0};
  std::filesystem::path temporary = path;
  temporary += ".tmp." + std::to_string(getpid()) + "." + std::to_string(serial++);
  std::error_code error;
  {
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    if (stream) std::filesystem::rename(temporary, path, error);
    if (stream && !error) return std::nullopt;
  }
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  return error ? ": " + error.message() : std::string();
}

}  // namespace sepconv::detail
