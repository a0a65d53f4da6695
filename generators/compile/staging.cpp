#include "staging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "compile/files.h"

namespace sepconv {
namespace {

constexpr std::string_view kPrefix = ".sepconv-staging-";

/// An exclusive lock on a folder, for as long as the object lives.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder)
      : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ < 0) throw std::runtime_error(fmt::format("cannot open '{}': {}", folder.string(), std::strerror(errno)));
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FolderLock() { ::close(fd_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

/// Removes the folders of builds that were killed: nobody holds their lock.
void remove_stale(const std::filesystem::path& output_dir) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(output_dir, error)) {
    if (!entry.path().filename().string().starts_with(kPrefix) || !entry.is_directory(error)) continue;
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) std::filesystem::remove_all(entry.path(), error);
    ::close(fd);
  }
}

bool same_contents(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(b, error)) return false;
  return std::filesystem::file_size(a, error) == std::filesystem::file_size(b, error) && read_file(a) == read_file(b);
}

}  // namespace

Staging::Staging(std::filesystem::path output_dir) : output_dir_(std::move(output_dir)) {
  std::error_code error;
  std::filesystem::create_directories(output_dir_, error);
  if (error)
    throw std::runtime_error(fmt::format("cannot make the folder '{}': {}", output_dir_.string(), error.message()));
  output_dir_ = std::filesystem::absolute(output_dir_).lexically_normal();
  const FolderLock lock(output_dir_);
  remove_stale(output_dir_);
  std::string name = (output_dir_ / (std::string(kPrefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error(fmt::format("cannot write to '{}': {}", output_dir_.string(), std::strerror(errno)));
  folder_ = name;
  lock_ = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ >= 0) ::flock(lock_, LOCK_EX);
}

Staging::~Staging() {
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (lock_ >= 0) ::close(lock_);
}

std::vector<std::filesystem::path> Staging::publish(const std::vector<std::string>& names) {
  const FolderLock lock(output_dir_);
  const std::filesystem::path old_files = folder_ / "replaced";
  std::filesystem::create_directory(old_files);
  std::vector<std::string> changed;
  for (const std::string& name : names)
    if (!same_contents(folder_ / name, output_dir_ / name)) changed.push_back(name);

  std::vector<std::filesystem::path> written;
  for (const std::string& name : changed) {
    std::error_code error;
    // The old file gets a second name first: a rename then replaces it at once, and there is never no file.
    if (std::filesystem::is_regular_file(output_dir_ / name)) {
      std::filesystem::create_hard_link(output_dir_ / name, old_files / name, error);
      if (error) std::filesystem::copy_file(output_dir_ / name, old_files / name, error);
    }
    if (!error) std::filesystem::rename(folder_ / name, output_dir_ / name, error);
    if (error) {
      const std::string reason = error.message();
      for (const auto& path : written) {
        if (std::filesystem::exists(old_files / path.filename(), error))
          std::filesystem::rename(old_files / path.filename(), path, error);
        else
          std::filesystem::remove(path, error);
      }
      throw std::runtime_error(fmt::format("cannot write '{}': {}", (output_dir_ / name).string(), reason));
    }
    written.push_back(output_dir_ / name);
  }
  return written;
}

}  // namespace sepconv
