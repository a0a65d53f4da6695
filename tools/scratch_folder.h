#pragma once
// A folder for intermediate files that goes away with its owner.

#include "compile/locked_folder.h"

namespace sepconv::tools {

/// In the system's folder for temporary files ($TMPDIR).
class ScratchFolder : public LockedFolder {
 public:
  /// @throws std::runtime_error when it cannot be made.
  ScratchFolder();
};

}  // namespace sepconv::tools
