// A model in an .h5 file.

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/hdf5_mutator.h"
#include "tests/fuzz/mutation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sepconv::fuzz::MemoryFile file(data, size);
  sepconv::fuzz::read_model(file.path());
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return sepconv::fuzz::give(sepconv::fuzz::mutated_hdf5(sepconv::fuzz::text_of(data, size), seed), data, max_size);
}
#endif
