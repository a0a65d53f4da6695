#include "runtime/core/whole_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <random>
#include <system_error>

namespace sepconv::detail {
namespace {

namespace fs = std::filesystem;

// Not made of the file's name, which may be as long as names can be.
constexpr std::string_view kPrefix = ".sepconv-tmp-";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  /// False where the system could not keep what was written.
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 || ::close(fd) == 0;
  }

 private:
  int fd_;
};

std::error_code last_error() { return {errno, std::generic_category()}; }

std::error_code write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

/// What the path names once links are followed; a link may name a file that does not exist yet.
fs::path followed(fs::path path, std::error_code& error) {
  constexpr int kMostLinks = 40;
  for (int links = 0; links < kMostLinks; ++links) {
    std::error_code none;
    if (!fs::is_symlink(fs::symlink_status(path, none))) return path;
    const fs::path target = fs::read_symlink(path, error);
    if (error) return path;
    path = path.parent_path() / target;  // an absolute target stands alone
  }
  error = std::make_error_code(std::errc::too_many_symbolic_link_levels);
  return path;
}

bool same_file(int fd, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

/// A new file under a random name, locked for as long as its writer lives.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& folder, std::error_code& error) {
    constexpr int kTries = 100;
    std::random_device random;
    for (int i = 0; i < kTries; ++i) {
      char name[32];
      std::snprintf(name, sizeof name, "%s%08x%08x", kPrefix.data(), random(), random());
      path_ = folder / name;
      const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd < 0 && errno == EEXIST) continue;
      if (fd < 0) {
        error = last_error();
        return;
      }
      file_.emplace(fd);
      // Another process may have taken it for one of a writer that was killed, before the lock.
      if (::flock(fd, LOCK_EX) != 0 || same_file(fd, path_)) return;
      file_.reset();
    }
    error = std::make_error_code(std::errc::file_exists);
  }
  ~TemporaryFile() {
    if (file_) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// The file's bytes, on the disk, under its final name, with the mode and owner of the file that it replaces.
  std::error_code become(const fs::path& path, std::string_view bytes) {
    const int fd = file_->get();
    if (const std::error_code error = write_all(fd, bytes)) return error;
    struct stat old {};
    if (::stat(path.c_str(), &old) == 0) {
      // Refused to all but root, whose new file would else belong to root.
      [[maybe_unused]] const int chowned = ::fchown(fd, old.st_uid, old.st_gid);
      ::fchmod(fd, old.st_mode & 0777);
    }
    if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) return last_error();
    if (::rename(path_.c_str(), path.c_str()) != 0) return last_error();
    const bool closed = file_->close();
    file_.reset();
    return closed ? std::error_code() : last_error();
  }

 private:
  fs::path path_;
  std::optional<Descriptor> file_;
};

/// Removes the temporary files that nobody holds the lock of.
void remove_stale(const fs::path& folder) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().compare(0, kPrefix.size(), kPrefix) != 0) continue;
    const Descriptor file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file.get() >= 0 && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && same_file(file.get(), entry.path()))
      ::unlink(entry.path().c_str());
  }
}

std::error_code write_directly(const fs::path& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return last_error();
  if (const std::error_code error = write_all(file.get(), bytes)) return error;
  return file.close() ? std::error_code() : last_error();
}

std::error_code write_file(const fs::path& given, std::string_view bytes) {
  std::error_code error;
  // Before the links are followed: that of /dev/stdout may lead to a pipe, which has no name.
  const fs::file_status status = fs::status(given, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) return write_directly(given, bytes);
  error.clear();
  const fs::path path = followed(given, error);
  if (error) return error;
  if (path.filename().empty() || path.filename() == "." || path.filename() == "..")
    return std::make_error_code(std::errc::is_a_directory);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  remove_stale(folder);
  error.clear();
  TemporaryFile file(folder, error);
  return error ? error : file.become(path, bytes);
}

}  // namespace

std::optional<std::string> write_whole_file(const fs::path& path, std::string_view bytes) {
  const std::error_code error = write_file(path, bytes);
  return error ? std::optional<std::string>(error.message()) : std::nullopt;
}

}  // namespace sepconv::detail
