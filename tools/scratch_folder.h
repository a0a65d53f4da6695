#pragma once
// A folder for intermediate files that goes away with its owner.

#include <filesystem>

namespace sepconv::tools {

class ScratchFolder {
 public:
  /// In the system's folder for temporary files ($TMPDIR).
  /// @throws std::runtime_error when it cannot be made.
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sepconv::tools
