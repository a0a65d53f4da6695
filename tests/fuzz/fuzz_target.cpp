#include "tests/fuzz/fuzz_target.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace sepconv::fuzz {

void require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "this does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

void show_refusal(const std::exception& refusal) {
  static const bool wanted = std::getenv("FUZZ_VERBOSE") != nullptr;
  if (wanted) std::fprintf(stderr, "refused: %s\n", refusal.what());
}

MemoryFile::MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
  require(descriptor_ >= 0, "this machine has memory for a file");
  for (std::size_t written = 0; written < size;) {
    const ssize_t count = ::write(descriptor_, data + written, size - written);
    require(count > 0, "this machine has memory for the input");
    written += static_cast<std::size_t>(count);
  }
}

MemoryFile::~MemoryFile() { ::close(descriptor_); }

std::filesystem::path MemoryFile::path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

const std::filesystem::path& scratch_folder() {
  struct Folder {
    std::filesystem::path path;
    Folder() {
      std::string name = (std::filesystem::temp_directory_path() / "sepconv-fuzz-XXXXXX").string();
      require(::mkdtemp(name.data()) != nullptr, "TMPDIR can be written");
      path = name;
    }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path;
}

}  // namespace sepconv::fuzz
