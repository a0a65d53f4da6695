#pragma once
// The layout of Halide's halide_buffer_t (HalideRuntime.h), so that the runtime builds where Halide is not installed.

#include <cstddef>
#include <cstdint>

#include "sepconv/detail/data_type.h"

namespace sepconv::detail {

struct HalideDimension {
  std::int32_t min = 0, extent = 0, stride = 0;  // elements; the stride is what this library calls a pitch
  std::uint32_t flags = 0;
};

struct HalideType {
  std::uint8_t code = 0, bits = 0;
  std::uint16_t lanes = 1;
};

/// The code 2 is Halide's for floating point, 1 its for unsigned integers: kernels read the 16-bit types as their bits.
inline constexpr HalideType halide_type(DataType dtype) noexcept {
  return dtype == DataType::float64   ? HalideType{2, 64, 1}
         : dtype == DataType::float32 ? HalideType{2, 32, 1}
                                      : HalideType{1, 16, 1};
}

struct HalideBuffer {
  std::uint64_t device = 0;
  const void* device_interface = nullptr;
  std::uint8_t* host = nullptr;
  std::uint64_t flags = 0;
  HalideType type;
  std::int32_t dimensions = 0;
  HalideDimension* dim = nullptr;
  void* padding = nullptr;
};

static_assert(sizeof(HalideDimension) == 16 && sizeof(HalideType) == 4);
static_assert(sizeof(void*) != 8 || (offsetof(HalideBuffer, flags) == 24 && offsetof(HalideBuffer, type) == 32 &&
                                     offsetof(HalideBuffer, dimensions) == 36 && offsetof(HalideBuffer, dim) == 40 &&
                                     sizeof(HalideBuffer) == 56));

}  // namespace sepconv::detail
