// What a .json file may hold: a model's configuration, a list of layers, or a suite.

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sepconv::fuzz::MemoryFile file(data, size);
  sepconv::fuzz::read_model(file.path());
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return sepconv::fuzz::mutate_json_input(data, size, max_size, seed);
}

extern "C" std::size_t LLVMFuzzerCustomCrossOver(const std::uint8_t* data, std::size_t size, const std::uint8_t* other,
                                                 std::size_t other_size, std::uint8_t* out, std::size_t max_size,
                                                 unsigned seed) {
  return sepconv::fuzz::cross_json_inputs(data, size, other, other_size, out, max_size, seed);
}
#endif
