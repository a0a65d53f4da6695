// Keras' padding rules on one axis.

#include "sepconv/detail/padding.h"

#include <gtest/gtest.h>

#include "sepconv/conv_problem.h"

namespace sepconv::test {
namespace {

/// The outputs of a window that slides over the padded axis, counted one by one.
std::int64_t counted(const AxisPads& pads, std::int64_t extent, std::int64_t window, std::int64_t stride) {
  std::int64_t count = 0;
  for (std::int64_t begin = -pads.before; begin + window <= extent + pads.after; begin += stride) ++count;
  return count;
}

TEST(Padding, OutputsAreThoseOfASlidingWindow) {
  for (const Padding padding : {Padding::valid, Padding::same, Padding::causal})
    for (std::int64_t extent = 1; extent < 14; ++extent)
      for (std::int64_t window = 1; window < 8; ++window)
        for (std::int64_t stride = 1; stride < 6; ++stride) {
          const AxisPads pads = pads_of_axis(padding, extent, window, stride);
          EXPECT_EQ(std::max<std::int64_t>(output_extent(padding, extent, window, stride), 0),
                    counted(pads, extent, window, stride))
              << to_text(padding) << " of " << extent << ", window " << window << ", stride " << stride;
          EXPECT_GE(pads.before, 0);
          EXPECT_GE(pads.after, 0);
          if (padding == Padding::same) {
            EXPECT_LE(pads.after - pads.before, 1) << "the odd zero is at the end";
            EXPECT_GE(pads.after, pads.before);
          }
          if (padding == Padding::causal) {
            EXPECT_EQ(pads.after, 0);
            EXPECT_EQ(pads.before, window - 1);
          }
        }
}

TEST(Padding, EmptyAndUnknownExtents) {
  EXPECT_EQ(output_extent(Padding::same, 0, 3, 2), 0);
  EXPECT_EQ(output_extent(Padding::valid, 1, 4, 1), -2);
  for (const Padding padding : {Padding::valid, Padding::same, Padding::causal})
    EXPECT_EQ(output_extent(padding, kDynamic, 3, 2), kDynamic);
}

TEST(Padding, Texts) {
  for (const Padding padding : {Padding::valid, Padding::same, Padding::causal})
    EXPECT_EQ(padding_from_text(to_text(padding)), padding);
  for (const char* text : {"", "Same", "full", "valid "}) EXPECT_FALSE(padding_from_text(text)) << text;
}

}  // namespace
}  // namespace sepconv::test
