// The runtime's own picture of halide_buffer_t against Halide's header.

#include "runtime/core/halide_buffer.h"

#include <HalideRuntime.h>
#include <gtest/gtest.h>

namespace sepconv::detail {
namespace {

#define EXPECT_SAME_MEMBER(ours, our_member, theirs, their_member)                      \
  EXPECT_EQ(offsetof(ours, our_member), offsetof(theirs, their_member)) << #our_member; \
  EXPECT_EQ(sizeof(ours::our_member), sizeof(theirs::their_member)) << #our_member

TEST(HalideBuffer, HasHalidesLayout) {
  EXPECT_EQ(sizeof(HalideBuffer), sizeof(halide_buffer_t));
  EXPECT_SAME_MEMBER(HalideBuffer, device, halide_buffer_t, device);
  EXPECT_SAME_MEMBER(HalideBuffer, device_interface, halide_buffer_t, device_interface);
  EXPECT_SAME_MEMBER(HalideBuffer, host, halide_buffer_t, host);
  EXPECT_SAME_MEMBER(HalideBuffer, flags, halide_buffer_t, flags);
  EXPECT_SAME_MEMBER(HalideBuffer, type, halide_buffer_t, type);
  EXPECT_SAME_MEMBER(HalideBuffer, dimensions, halide_buffer_t, dimensions);
  EXPECT_SAME_MEMBER(HalideBuffer, dim, halide_buffer_t, dim);
  EXPECT_SAME_MEMBER(HalideBuffer, padding, halide_buffer_t, padding);
  EXPECT_EQ(sizeof(HalideDimension), sizeof(halide_dimension_t));
  EXPECT_SAME_MEMBER(HalideDimension, min, halide_dimension_t, min);
  EXPECT_SAME_MEMBER(HalideDimension, extent, halide_dimension_t, extent);
  EXPECT_SAME_MEMBER(HalideDimension, stride, halide_dimension_t, stride);
  EXPECT_SAME_MEMBER(HalideDimension, flags, halide_dimension_t, flags);
  EXPECT_EQ(sizeof(HalideType), sizeof(halide_type_t));
  EXPECT_SAME_MEMBER(HalideType, code, halide_type_t, code);
  EXPECT_SAME_MEMBER(HalideType, bits, halide_type_t, bits);
  EXPECT_SAME_MEMBER(HalideType, lanes, halide_type_t, lanes);
  const auto expect_type = [](DataType dtype, const halide_type_t& wanted) {
    const HalideType type = halide_type(dtype);
    EXPECT_EQ(type.code, wanted.code) << static_cast<int>(dtype);
    EXPECT_EQ(type.bits, wanted.bits) << static_cast<int>(dtype);
    EXPECT_EQ(type.lanes, 1) << static_cast<int>(dtype);
  };
  expect_type(DataType::float32, halide_type_of<float>());
  expect_type(DataType::float64, halide_type_of<double>());
  expect_type(DataType::float16, halide_type_of<std::uint16_t>());
  expect_type(DataType::bfloat16, halide_type_of<std::uint16_t>());
}

}  // namespace
}  // namespace sepconv::detail
