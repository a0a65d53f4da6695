// The plan that the child process, which read a stranger's file, hands to the command. What was read is written as it
// was.

#include "tools/plan_bytes.h"

#include <cstdlib>

#include "tests/fuzz/fuzz_target.h"

namespace {

std::string written(const sepconv::Plan& plan) {
  char* bytes = nullptr;
  std::size_t size = 0;
  std::FILE* stream = ::open_memstream(&bytes, &size);
  sepconv::tools::write_plan(plan, stream);
  std::fclose(stream);
  std::string result(bytes, size);
  std::free(bytes);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sepconv::fuzz::read_or_refuse([&] {
    const std::string bytes = written(sepconv::tools::plan_from_bytes(sepconv::fuzz::text_of(data, size)));
    sepconv::fuzz::require(written(sepconv::tools::plan_from_bytes(bytes)) == bytes,
                           "a plan is written as it was read");
  });
  return 0;
}
