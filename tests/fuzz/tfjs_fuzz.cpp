// A model of TensorFlow.js: model.json, a zero byte, then the bytes of its shard, "shard.bin".

#include <fstream>

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"
#include "tests/fuzz/mutation.h"

namespace {

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream stream(path, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  sepconv::fuzz::require(stream.good(), "TMPDIR has room for the input");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = sepconv::fuzz::text_of(data, size);
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::filesystem::path& folder = sepconv::fuzz::scratch_folder();
  write(folder / "model.json", bytes.substr(0, end));
  write(folder / "shard.bin", end < bytes.size() ? bytes.substr(end + 1) : "");
  sepconv::fuzz::read_model(folder / "model.json");
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
/// Mostly the model.json is changed, which then stays well-formed; seldom the shard, whose bytes mean little.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  const std::string bytes = sepconv::fuzz::text_of(data, size);
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  if (seed % 8 != 0)
    if (const auto json = sepconv::fuzz::mutated_json(bytes.substr(0, end), seed / 8))
      if (const std::size_t given = sepconv::fuzz::give(*json + bytes.substr(end), data, max_size)) return given;
  return LLVMFuzzerMutate(data, size, max_size);
}
#endif
