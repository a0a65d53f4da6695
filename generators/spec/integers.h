#pragma once
// Arithmetic of extents and tiles; all arguments are positive.

#include <bit>
#include <concepts>

namespace sepconv::generators {

constexpr auto ceil_div(std::integral auto value, std::integral auto divisor) {
  return (value + divisor - 1) / divisor;
}

constexpr int round_up(int value, int multiple) { return ceil_div(value, multiple) * multiple; }

/// The largest power of two <= value, and the smallest >= value.
constexpr int power_of_two_below(int value) { return static_cast<int>(std::bit_floor(static_cast<unsigned>(value))); }
constexpr int power_of_two_from(int value) { return static_cast<int>(std::bit_ceil(static_cast<unsigned>(value))); }

}  // namespace sepconv::generators
