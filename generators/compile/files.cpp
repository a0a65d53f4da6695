#include "files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "../../runtime/core/whole_file.h"

namespace sepconv {

std::string content_hash(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes;
  if (file && !std::filesystem::is_directory(path)) {
    bytes.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (!file.bad()) return bytes;
  }
  throw std::runtime_error(fmt::format("cannot read '{}': {}", path.string(), std::strerror(errno)));
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  errno = 0;
  std::FILE* const file = std::fopen(path.c_str(), "wbe");
  bool written = file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  if (file != nullptr) {
    const int reason = errno;
    const bool closed = std::fclose(file) == 0;
    if (!written) errno = reason;
    written = written && closed;
  }
  if (!written) throw std::runtime_error(fmt::format("cannot write '{}': {}", path.string(), std::strerror(errno)));
}

void sync_file(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = fd >= 0 && (::fsync(fd) == 0 || errno == EINVAL);
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  if (!synced) throw std::runtime_error(fmt::format("cannot write '{}': {}", path.string(), std::strerror(reason)));
}

void replace_file(const std::filesystem::path& path, std::string_view bytes) {
  if (const auto reason = detail::write_whole_file(path, bytes))
    throw std::runtime_error(fmt::format("cannot write '{}': {}", path.string(), *reason));
}

}  // namespace sepconv
