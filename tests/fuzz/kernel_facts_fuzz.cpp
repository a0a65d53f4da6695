// The facts about a kernel that the generator writes next to its object.

#include "generators/spec/kernel_facts.h"

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = sepconv::fuzz::text_of(data, size);
  sepconv::fuzz::read_or_refuse([&] {
    const std::string written = to_json(sepconv::generators::facts_from_json(text));
    sepconv::fuzz::require(to_json(sepconv::generators::facts_from_json(written)) == written,
                           "facts are written as they were read");
  });
  return 0;
}
