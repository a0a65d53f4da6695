// A lockfile. What was read is written and read again, and written the same.

#include "autoschedule/lockfile.h"

#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/json_mutator.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sepconv::fuzz::read_or_refuse([&] {
    const std::string text = sepconv::autoschedule::Lockfile::from_text(sepconv::fuzz::text_of(data, size)).text();
    sepconv::fuzz::require(sepconv::autoschedule::Lockfile::from_text(text).text() == text,
                           "a lockfile is written as it was read");
  });
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
