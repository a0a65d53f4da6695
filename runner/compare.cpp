#include "compare.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace sepconv {
namespace {

constexpr std::uint32_t kGuardBits = 0x7fc0cafeu;  // a quiet NaN that no computation makes

/// |actual - expected|; zero for equal infinities and for two NaNs, NaN for one.
double distance(float actual, double expected) {
  if (std::isnan(actual) && std::isnan(expected)) return 0;
  if (std::isinf(actual) && static_cast<float>(expected) == actual) return 0;
  return std::abs(actual - expected);
}

template <class LimitAt>
Comparison compare_with(std::span<const float> actual, std::span<const double> expected, LimitAt&& limit_at) {
  if (actual.size() != expected.size())
    throw std::invalid_argument("compare: " + std::to_string(actual.size()) + " elements, expected " +
                                std::to_string(expected.size()));
  Comparison worst;
  double worst_ratio = -1;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = distance(actual[i], expected[i]);
    const double limit = limit_at(i);
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

Comparison compare(std::span<const float> actual, std::span<const double> expected, std::span<const double> limits) {
  if (limits.size() != expected.size())
    throw std::invalid_argument("compare: " + std::to_string(limits.size()) + " limits for " +
                                std::to_string(expected.size()) + " elements");
  return compare_with(actual, expected, [&](std::size_t i) { return limits[i]; });
}

Comparison compare(std::span<const float> actual, std::span<const double> expected, double limit) {
  return compare_with(actual, expected, [&](std::size_t) { return limit; });
}

GuardedBuffer::GuardedBuffer(std::size_t elems)
    : elems_(elems), offset_(0), storage_(elems + 2 * kGuardElems + 16, std::bit_cast<float>(kGuardBits)) {
  const auto address = reinterpret_cast<std::uintptr_t>(storage_.data());
  offset_ = kGuardElems + (64 - address % 64) % 64 / sizeof(float);
  for (float& value : values()) value = std::numeric_limits<float>::quiet_NaN();
}

bool GuardedBuffer::intact() const {
  for (std::size_t i = 0; i < storage_.size(); ++i) {
    if (i == offset_) i += elems_;
    if (i < storage_.size() && std::bit_cast<std::uint32_t>(storage_[i]) != kGuardBits) return false;
  }
  return true;
}

}  // namespace sepconv
