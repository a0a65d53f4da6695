#include "generators/compile/files.h"

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

#include "runtime/core/whole_file.h"

namespace sepconv::generators {

std::string content_hash(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string read_file(const std::filesystem::path& path) {
  const auto fail = [&path](std::string_view reason) {
    throw std::runtime_error(fmt::format("cannot read '{}': {}", path.string(), reason));
  };
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (error) fail(error.message());
  if (std::filesystem::is_directory(status)) fail("it is a folder");
  // A device may never end.
  if (!std::filesystem::is_regular_file(status) && !std::filesystem::is_fifo(status)) fail("it is not a file");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(std::strerror(errno));
  try {
    std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.bad()) return bytes;
  } catch (const std::ios_base::failure&) {  // what the library's buffer throws where reading fails
  }
  fail(std::strerror(errno));
  return {};
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

}  // namespace sepconv::generators
