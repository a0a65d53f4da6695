#pragma once
// Weights in the order in which a kernel reads them.

#include <cstdint>
#include <vector>

#include "sepconv/detail/aligned_buffer.h"
#include "sepconv/detail/conv_weights.h"

namespace sepconv {

/// Zero elements after every packed array, so that kernels may load whole vectors at its end.
inline constexpr std::size_t kPackedSlackElements = 64;

/// A 64-byte-aligned array of `size()` elements followed by kPackedSlackElements zeros.
class PackedArray {
 public:
  PackedArray() = default;
  /// @throws std::bad_alloc
  PackedArray(std::size_t size, DataType dtype)
      : buffer_((size + kPackedSlackElements) * size_bytes(dtype)), size_(size), dtype_(dtype) {}
  std::size_t size() const noexcept { return size_; }
  DataType dtype() const noexcept { return dtype_; }
  /// Null if the problem has no such weight. T must be the element type.
  template <class T = float>
  const T* data() const noexcept {
    return static_cast<const T*>(buffer_.data());
  }
  /// Stores a value, rounded to the element type.
  void set(std::size_t index, double value) noexcept;

 private:
  AlignedBuffer buffer_;
  std::size_t size_ = 0;
  DataType dtype_ = DataType::float32;
};

/// How a kernel reads weights; fields of CompiledKernel.
struct PackedForm {
  std::int32_t depthwise_panel = 0;
  std::int32_t pointwise_panel = 0;
};

/// The arrays of ConvWeights, each laid out as its argument's Packing says. Elements are of the problem's accumulator
/// type, holding values rounded to the problem's type.
struct PackedWeights {
  std::vector<PackedArray> arrays;
};

/// @throws std::invalid_argument where the weights do not fit the problem or a panel is not positive; std::bad_alloc
PackedWeights pack_weights(const ConvWeights& weights, const ConvProblem& problem, const PackedForm& form);

}  // namespace sepconv
