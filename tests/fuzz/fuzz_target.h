#pragma once
// What the fuzz targets share. Each target is one source that defines LLVMFuzzerTestOneInput; libFuzzer or
// replay_main.cpp calls it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>

/// Runs one input. Returns 0; a fault ends the process.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sepconv::fuzz {

/// Prints a refusal's message where FUZZ_VERBOSE is set: to see how far an input gets.
void show_refusal(const std::exception& refusal);

/// Runs a reader. To refuse the input is right; any other exception is a fault, and ends the process.
template <class Read>
void read_or_refuse(Read&& read) {
  try {
    read();
  } catch (const std::invalid_argument& refusal) {
    show_refusal(refusal);
  }
}

/// Ends the process with the message when a property that must hold for every input does not.
void require(bool holds, std::string_view property);

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// The input as a file, for readers that take a path. Nothing reaches a disk.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const;

 private:
  int descriptor_ = -1;
};

/// A folder of this process below TMPDIR, for readers that write or that look for files beside their input.
const std::filesystem::path& scratch_folder();

/// Everything that the library reads from a model file: plans, layers and weights.
void read_model(const std::filesystem::path& path);

}  // namespace sepconv::fuzz
