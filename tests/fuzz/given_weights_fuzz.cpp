// A file of weights for --weights: .h5, .weights.h5 or .keras, for a model of tests/data.

#include <cstring>

#include "sepconv/plan.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/hdf5_mutator.h"
#include "tests/fuzz/mutation.h"
#include "tests/fuzz/zip_mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sepconv::fuzz::MemoryFile file(data, size);
  sepconv::PlanOptions options;
  options.weights = file.path();
  sepconv::fuzz::read_or_refuse([&] { sepconv::plan_file(SEPCONV_TEST_DATA "/models/wrapped.keras", options); });
  return 0;
}

#ifdef SEPCONV_LIBFUZZER
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  if (size > 2 && std::memcmp(data, "PK", 2) == 0) return sepconv::fuzz::mutate_zip_input(data, size, max_size, seed);
  return sepconv::fuzz::give(sepconv::fuzz::mutated_hdf5(sepconv::fuzz::text_of(data, size), seed), data, max_size);
}
#endif
