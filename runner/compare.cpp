#include "runner/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace sepconv::runner {
namespace {

// The two bytes of every 16-bit word: NaN in each floating point type, with payloads that no computation makes.
constexpr std::byte kLowByte{0xfe}, kStartHighByte{0x7f}, kGuardHighByte{0xff};

std::byte guard_byte(std::size_t index) { return index % 2 == 0 ? kLowByte : kGuardHighByte; }

/// |actual - expected|; zero for equal infinities and for two NaNs, NaN for one.
double distance(double actual, double expected, double limit, DataType dtype) {
  if (std::isnan(actual) && std::isnan(expected)) return 0;
  if (std::isinf(actual)) {
    const double farthest = expected + std::copysign(std::isfinite(limit) ? limit : 0, actual);
    if (round_to(dtype, farthest) == actual) return 0;
  }
  return std::abs(actual - expected);
}

template <class LimitAt>
Comparison compare_with(std::span<const double> actual, std::span<const double> expected, DataType dtype,
                        LimitAt&& limit_at) {
  if (actual.size() != expected.size())
    throw std::invalid_argument("compare: " + std::to_string(actual.size()) + " elements, expected " +
                                std::to_string(expected.size()));
  Comparison worst;
  double worst_ratio = -1;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double limit = limit_at(i);
    const double error = distance(actual[i], expected[i], limit, dtype);
    const bool ok = error == 0 || error <= limit;  // false when either is NaN
    double ratio = error == 0 ? 0 : error / limit;
    if (!ok) ratio = std::isfinite(ratio) ? std::max(ratio, 1.0) : std::numeric_limits<double>::infinity();
    if (ratio > worst_ratio) {
      worst_ratio = ratio;
      worst.max_error = error;
      worst.limit = limit;
      worst.index = static_cast<std::int64_t>(i);
    }
    worst.ok = worst.ok && ok;
  }
  return worst;
}

}  // namespace

Comparison compare(std::span<const double> actual, std::span<const double> expected, std::span<const double> limits,
                   DataType dtype) {
  if (limits.size() != expected.size())
    throw std::invalid_argument("compare: " + std::to_string(limits.size()) + " limits for " +
                                std::to_string(expected.size()) + " elements");
  return compare_with(actual, expected, dtype, [&](std::size_t i) { return limits[i]; });
}

Comparison compare(std::span<const double> actual, std::span<const double> expected, double limit, DataType dtype) {
  return compare_with(actual, expected, dtype, [&](std::size_t) { return limit; });
}

GuardedBuffer::GuardedBuffer(std::size_t bytes) : bytes_(bytes), offset_(0), storage_(bytes + 2 * kGuardBytes + 64) {
  for (std::size_t i = 0; i < storage_.size(); ++i) storage_[i] = guard_byte(i);
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  offset_ = kGuardBytes + (64 - address % 64) % 64;
  for (std::size_t i = 0; i < bytes_; ++i) storage_[offset_ + i] = i % 2 == 0 ? kLowByte : kStartHighByte;
}

bool GuardedBuffer::intact() const {
  for (std::size_t i = 0; i < storage_.size(); ++i) {
    if (i == offset_) i += bytes_;
    if (i < storage_.size() && storage_[i] != guard_byte(i)) return false;
  }
  return true;
}

}  // namespace sepconv::runner
