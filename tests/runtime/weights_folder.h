#pragma once
// A folder of a test's own with a weights file in it.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace sepconv::test {

/// The folder is removed at the test's end.
class WeightsFolder : public testing::Test {
 protected:
  explicit WeightsFolder(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() / (name + std::to_string(getpid()))),
        path_(folder_ / "model.weights") {
    std::filesystem::create_directories(folder_);
  }
  ~WeightsFolder() override { std::filesystem::remove_all(folder_); }

  std::string read() const {
    std::ifstream stream(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  const std::filesystem::path folder_, path_;
};

}  // namespace sepconv::test
