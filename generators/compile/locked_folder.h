#pragma once
// Folders for the intermediate files of one process.

#include <filesystem>
#include <string_view>

namespace sepconv::generators {

/// A new folder that is removed with the object, and locked while the object lives. What processes that were killed
/// left in `parent` is removed first.
class LockedFolder {
 public:
  /// The folder's name is `prefix` and six random characters.
  /// @throws std::runtime_error naming `parent` and the reason why nothing can be made there.
  LockedFolder(const std::filesystem::path& parent, std::string_view prefix);
  ~LockedFolder();
  LockedFolder(const LockedFolder&) = delete;
  LockedFolder& operator=(const LockedFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int lock_ = -1;
};

/// Removes the folders of this user in `parent` that begin with `prefix` and that no process holds the lock of.
void remove_stale_folders(const std::filesystem::path& parent, std::string_view prefix);

}  // namespace sepconv::generators
