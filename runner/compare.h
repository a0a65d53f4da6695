#pragma once
// How results are compared with what is expected, and how writes outside an output are noticed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sepconv {

/// The element that is worst relative to its limit.
struct Comparison {
  bool ok = true;
  double max_error = 0;     // |actual - expected| there; NaN where one of them is NaN and the other is not
  double limit = 0;         // what was allowed there
  std::int64_t index = -1;  // flat index; -1 when there are no elements
};

/// Every element must be within its limit. NaN equals only NaN; an infinity equals only itself, where a finite expected
/// value beyond float32's range counts as the infinity that it rounds to.
/// @throws std::invalid_argument when the sizes differ.
Comparison compare(std::span<const float> actual, std::span<const double> expected, std::span<const double> limits);

/// The same with one limit for all elements.
Comparison compare(std::span<const float> actual, std::span<const double> expected, double limit);

/// Floats that start as NaN, 64-byte aligned, between two bands whose bits must not change.
class GuardedBuffer {
 public:
  static constexpr std::size_t kGuardElems = 64;
  explicit GuardedBuffer(std::size_t elems);
  float* data() { return storage_.data() + offset_; }
  std::span<const float> values() const { return {storage_.data() + offset_, elems_}; }
  std::span<float> values() { return {storage_.data() + offset_, elems_}; }
  /// False when something was written just before or after the values.
  bool intact() const;

 private:
  std::size_t elems_, offset_;
  std::vector<float> storage_;
};

}  // namespace sepconv
