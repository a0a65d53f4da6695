#include "generators/compile/staging.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "generators/compile/files.h"

namespace sepconv::generators {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = ".sepconv-staging-";

/// An exclusive lock on a folder, for as long as the object lives.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
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

fs::path made_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw std::runtime_error(fmt::format("cannot make the folder '{}': {}", folder.string(), error.message()));
  return fs::absolute(folder).lexically_normal();
}

bool same_contents(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (!fs::is_regular_file(b, error)) return false;
  return fs::file_size(a, error) == fs::file_size(b, error) && read_file(a) == read_file(b);
}

/// The file that is written for that name of the output folder: a link's target.
/// @throws std::runtime_error for what is no regular file
fs::path target_of(const fs::path& path) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : path;
  if (!error && fs::exists(target, error) && !fs::is_regular_file(target, error))
    throw std::runtime_error(fmt::format("cannot write '{}': it is not a regular file", path.string()));
  if (error && error != std::errc::no_such_file_or_directory)
    throw std::runtime_error(fmt::format("cannot write '{}': {}", path.string(), error.message()));
  return target;
}

/// A rename, or a copy where the target of a link is on another file system.
void move_file(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error == std::errc::cross_device_link)
    replace_file(to, read_file(from));
  else if (error)
    throw std::runtime_error(fmt::format("cannot write '{}': {}", to.string(), error.message()));
}

}  // namespace

Staging::Staging(const fs::path& output_dir) : output_dir_(made_folder(output_dir)), folder_(output_dir_, kPrefix) {}

std::vector<fs::path> Staging::publish(const std::vector<std::string>& names) {
  const FolderLock lock(output_dir_);
  const fs::path old_files = folder() / "replaced";
  fs::create_directory(old_files);
  std::vector<std::string> changed;
  for (const std::string& name : names)
    if (!same_contents(folder() / name, target_of(output_dir_ / name))) changed.push_back(name);

  std::vector<fs::path> written;
  try {
    for (const std::string& name : changed) {
      const fs::path target = target_of(output_dir_ / name);
      // The old file gets a second name first: a rename then replaces it at once, and there is never no file.
      std::error_code error;
      if (fs::is_regular_file(target)) {
        fs::create_hard_link(target, old_files / name, error);
        if (error) fs::copy_file(target, old_files / name, error);
        if (error) throw std::runtime_error(fmt::format("cannot write '{}': {}", target.string(), error.message()));
      }
      sync_file(folder() / name);
      move_file(folder() / name, target);
      written.push_back(output_dir_ / name);
    }
  } catch (const std::runtime_error&) {
    restore(old_files, written);
    throw;
  }
  return written;
}

void Staging::restore(const fs::path& old_files, const std::vector<fs::path>& written) const {
  for (const fs::path& path : written) {
    const fs::path old = old_files / path.filename();
    std::error_code error;
    try {
      if (fs::exists(old, error))
        move_file(old, target_of(path));
      else
        fs::remove(path, error);
    } catch (const std::runtime_error&) {
      continue;  // the error that led here is the one to report
    }
  }
}

}  // namespace sepconv::generators
