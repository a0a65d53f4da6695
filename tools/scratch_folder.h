#pragma once
// A folder for intermediate files that goes away with its owner.

#include "generators/compile/locked_folder.h"

namespace sepconv::tools {

/// In the system's folder for temporary files ($TMPDIR).
class ScratchFolder {
 public:
  /// @throws std::runtime_error when it cannot be made.
  ScratchFolder();

  const std::filesystem::path& path() const { return path_; }

 private:
  generators::LockedFolder locked_;
  std::filesystem::path path_;  // inside of it: a build locks its output folder, and would wait for the lock
};

}  // namespace sepconv::tools
