#pragma once
// Output files are made in a temporary folder inside the output folder and moved out of it together at the end.

#include <filesystem>
#include <string>
#include <vector>

#include "generators/compile/locked_folder.h"

namespace sepconv::generators {

/// The temporary folder of one build. It is removed with the object; what a killed build left is removed by the next
/// one.
class Staging {
 public:
  /// Makes the output folder where it is missing.
  /// @throws std::runtime_error naming the folder that cannot be made or written.
  explicit Staging(const std::filesystem::path& output_dir);

  const std::filesystem::path& folder() const { return folder_.path(); }
  const std::filesystem::path& output_dir() const { return output_dir_; }

  /// Moves the named files of the folder into the output folder. A file that holds what is there already is left out,
  /// so that its time stamp stays. A link is followed. When a move fails, the files already moved get their old
  /// contents back.
  /// @returns the files that were written.
  /// @throws std::runtime_error naming the file that cannot be moved.
  std::vector<std::filesystem::path> publish(const std::vector<std::string>& names);

 private:
  void restore(const std::filesystem::path& old_files, const std::vector<std::filesystem::path>& written) const;

  std::filesystem::path output_dir_;
  LockedFolder folder_;
};

}  // namespace sepconv::generators
