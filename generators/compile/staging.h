#pragma once
// Output files are made in a temporary folder inside the output folder and moved out of it together at the end.

#include <filesystem>
#include <string>
#include <vector>

namespace sepconv {

/// The temporary folder of one build. It is removed with the object; what a killed build left is removed by the next
/// one.
class Staging {
 public:
  /// Makes the output folder where it is missing.
  /// @throws std::runtime_error naming the folder that cannot be made or written.
  explicit Staging(std::filesystem::path output_dir);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  const std::filesystem::path& output_dir() const { return output_dir_; }

  /// Moves the named files of the folder into the output folder. A file that holds what is there already is left out,
  /// so that its time stamp stays. When a move fails, the files already moved get their old contents back.
  /// @returns the files that were written.
  /// @throws std::runtime_error naming the file that cannot be moved.
  std::vector<std::filesystem::path> publish(const std::vector<std::string>& names);

 private:
  std::filesystem::path output_dir_, folder_;
  int lock_ = -1;  // held on the folder: tells other builds that its maker is alive
};

}  // namespace sepconv
