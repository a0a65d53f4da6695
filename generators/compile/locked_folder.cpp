#include "generators/compile/locked_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

namespace sepconv::generators {
namespace {

int open_folder(const std::filesystem::path& folder) {
  return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/// Whether the path still names the folder that was opened, and it is this user's.
bool is_own_folder(int fd, const std::filesystem::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino && opened.st_uid == ::geteuid();
}

}  // namespace

LockedFolder::LockedFolder(const std::filesystem::path& parent, std::string_view prefix) {
  remove_stale_folders(parent, prefix);
  const std::string pattern = (parent / (std::string(prefix) + "XXXXXX")).string();
  for (;;) {
    std::string name = pattern;
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error(fmt::format("cannot write to '{}': {}", parent.string(), std::strerror(errno)));
    lock_ = open_folder(name);
    // Before the lock, another process may have taken the folder for one of a process that was killed: it is gone, or
    // about to go.
    if (lock_ < 0 && errno == ENOENT) continue;
    if (lock_ >= 0 && ::flock(lock_, LOCK_EX) == 0 && !is_own_folder(lock_, name)) {
      ::close(lock_);
      continue;
    }
    path_ = name;
    return;
  }
}

LockedFolder::~LockedFolder() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (lock_ >= 0) ::close(lock_);
}

void remove_stale_folders(const std::filesystem::path& parent, std::string_view prefix) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const int fd = open_folder(entry.path());
    if (fd < 0) continue;
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && is_own_folder(fd, entry.path()))
      std::filesystem::remove_all(entry.path(), error);
    ::close(fd);
  }
}

}  // namespace sepconv::generators
