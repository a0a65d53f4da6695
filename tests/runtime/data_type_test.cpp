// Conversions to and from the 16-bit types: every value, every halfway case, infinities and NaN.

#include "sepconv/detail/data_type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sepconv::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A format by its definition: sign, exponent bits, fraction bits.
struct Format {
  int exponent_bits, fraction_bits;

  double value(unsigned bits) const {
    const int fraction = static_cast<int>(bits & ((1u << fraction_bits) - 1));
    const int exponent = static_cast<int>(bits >> fraction_bits & ((1u << exponent_bits) - 1));
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const double sign = (bits >> 15) != 0 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
      return fraction == 0 ? sign * kInfinity : std::numeric_limits<double>::quiet_NaN();
    if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
    return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
  }
  unsigned infinity() const { return ((1u << exponent_bits) - 1) << fraction_bits; }
};
constexpr Format kFloat16{5, 10}, kBfloat16{8, 7};

bool same(double a, double b) { return std::isnan(a) ? std::isnan(b) : a == b && std::signbit(a) == std::signbit(b); }

/// T: float16 or bfloat16; to_t: its conversion.
template <class T, class ToT>
void check_all_values(const Format& format, DataType dtype, ToT to_t) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const T stored{static_cast<std::uint16_t>(bits)};
    const double value = format.value(bits);
    ASSERT_TRUE(same(to_float(stored), value)) << bits;
    const unsigned back = to_t(value).bits;
    if (std::isnan(value)) {
      ASSERT_GT(back & 0x7fffu, format.infinity()) << bits;
      continue;
    }
    ASSERT_EQ(back, bits);
    ASSERT_TRUE(same(round_to(dtype, value), value)) << bits;
    // The next value away from zero, the point halfway to it, and the doubles on both sides of that point.
    const unsigned magnitude = bits & 0x7fffu;
    if (magnitude == format.infinity()) continue;
    const bool overflows = magnitude + 1 == format.infinity();
    const double step = std::abs(format.value(magnitude) - format.value(magnitude == 0 ? 1 : magnitude - 1));
    const double next = overflows ? std::copysign(std::abs(value) + step, value) : format.value(bits + 1);
    const double half = value + (next - value) / 2;
    const double nearer = std::nextafter(half, value), farther = std::nextafter(half, next);
    ASSERT_EQ(to_t(nearer).bits, bits) << half;
    ASSERT_EQ(to_t(farther).bits, bits + 1) << half;
    ASSERT_EQ(to_t(half).bits, bits + (bits & 1)) << half;  // ties to even
  }
}

TEST(Float16, AllValuesAndHalfwayCases) {
  check_all_values<float16>(kFloat16, DataType::float16, [](double v) { return to_float16(v); });
}

TEST(Bfloat16, AllValuesAndHalfwayCases) {
  check_all_values<bfloat16>(kBfloat16, DataType::bfloat16, [](double v) { return to_bfloat16(v); });
}

TEST(Rounding, LimitsAndSpecialValues) {
  EXPECT_EQ(to_float16(65519.999).bits, 0x7bff);
  EXPECT_EQ(to_float16(65520).bits, 0x7c00);
  EXPECT_EQ(to_float16(-1e300).bits, 0xfc00);
  EXPECT_EQ(to_bfloat16(3.4e38).bits, 0x7f80);
  EXPECT_EQ(to_float16(kInfinity).bits, 0x7c00);
  EXPECT_EQ(to_float16(-0.0).bits, 0x8000);
  EXPECT_EQ(to_float16(1e-300).bits, 0);
  EXPECT_EQ(to_bfloat16(-1e-300).bits, 0x8000);
  for (const double nan : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::signaling_NaN()}) {
    EXPECT_TRUE(std::isnan(to_float(to_float16(nan))));
    EXPECT_TRUE(std::isnan(to_float(to_bfloat16(nan))));
    EXPECT_NE(to_float16(nan).bits & 0x0200, 0) << "quiet";
    EXPECT_NE(to_bfloat16(nan).bits & 0x0040, 0) << "quiet";
  }
}

// Rounding to float first would hit the tie, and give the other neighbour.
TEST(Rounding, OnceFromDouble) {
  const double just_above_half = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(to_float16(just_above_half).bits, 0x3c01);
  EXPECT_EQ(to_float16(static_cast<float>(just_above_half)).bits, 0x3c00);
  EXPECT_EQ(to_bfloat16(1 + 0x1p-8 + 0x1p-40).bits, 0x3f81);
  EXPECT_EQ(round_to(DataType::float32, 0.1), 0.1f);
  EXPECT_EQ(round_to(DataType::float64, 0.1), 0.1);
}

}  // namespace
}  // namespace sepconv::test
