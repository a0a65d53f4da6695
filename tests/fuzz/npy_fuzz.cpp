// A .npy array. What was read is written again and read again, equal.

#include <span>

#include "runner/npy.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

void read(std::span<const std::byte> bytes) {
  const sepconv::runner::NpyArray array = sepconv::runner::parse_npy(bytes, "input");
  const sepconv::runner::NpyArray again = sepconv::runner::parse_npy(sepconv::runner::npy_bytes(array), "copy");
  sepconv::fuzz::require(again.dtype == array.dtype && again.shape == array.shape && again.data == array.data,
                         "an array is written as it was read");
  for (const sepconv::DataType type : {sepconv::DataType::float32, sepconv::DataType::float64,
                                       sepconv::DataType::float16, sepconv::DataType::bfloat16})
    sepconv::fuzz::read_or_refuse([&] { array.doubles_of(type); });
  sepconv::fuzz::read_or_refuse([&] { array.floats(); });
  sepconv::fuzz::read_or_refuse([&] { array.doubles(); });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sepconv::fuzz::read_or_refuse([&] { read(std::as_bytes(std::span(data, size))); });
  return 0;
}
