#pragma once
// How results are compared with what is expected, and how writes outside an output are noticed.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sepconv/detail/data_type.h"

namespace sepconv::runner {

/// The element that is worst relative to its limit.
struct Comparison {
  bool ok = true;
  double max_error = 0;     // |actual - expected| there; NaN where one of them is NaN and the other is not
  double limit = 0;         // what was allowed there
  std::int64_t index = -1;  // flat index; -1 when there are no elements
};

/// Every element must be within its limit. NaN equals only NaN; an infinity equals only itself, where a finite expected
/// value beyond the range of `dtype` counts as the infinity that it rounds to, and where an expected value within its
/// limit of such a one does.
/// @param dtype  the type that the actual values had.
/// @throws std::invalid_argument when the sizes differ.
Comparison compare(std::span<const double> actual, std::span<const double> expected, std::span<const double> limits,
                   DataType dtype = DataType::float32);

/// The same with one limit for all elements.
Comparison compare(std::span<const double> actual, std::span<const double> expected, double limit,
                   DataType dtype = DataType::float32);

/// Memory that starts as NaN in every floating point type, 64-byte aligned, between two bands that must not change.
class GuardedBuffer {
 public:
  static constexpr std::size_t kGuardBytes = 512;
  explicit GuardedBuffer(std::size_t bytes);
  void* data() { return storage_.data() + offset_; }
  const void* data() const { return storage_.data() + offset_; }
  std::size_t bytes() const { return bytes_; }
  /// False when something was written just before or after the memory.
  bool intact() const;

 private:
  std::size_t bytes_, offset_;
  std::vector<std::byte> storage_;
};

}  // namespace sepconv::runner
