// A .npz archive of arrays.

#include "runner/npz.h"

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/zip_mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sepconv::fuzz::MemoryFile file(data, size);
  sepconv::fuzz::read_or_refuse([&] { sepconv::runner::read_npz(file.path()); });
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return sepconv::fuzz::mutate_zip_input(data, size, max_size, seed);
}
#endif
