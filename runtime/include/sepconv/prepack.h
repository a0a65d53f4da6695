#pragma once
// Weights in the order in which a row's kernel reads them.

#include <cstdint>

#include "sepconv/aligned_buffer.h"
#include "sepconv/conv_weights.h"

namespace sepconv {

/// Zero floats behind every packed array, so that kernels may load whole vectors at its end.
inline constexpr std::size_t kPackedSlackFloats = 64;

/// A 64-byte-aligned array of `size()` floats followed by kPackedSlackFloats zeros.
class PackedArray {
 public:
  PackedArray() = default;
  /// @throws std::bad_alloc
  explicit PackedArray(std::size_t size) : buffer_((size + kPackedSlackFloats) * sizeof(float)), size_(size) {}
  std::size_t size() const noexcept { return size_; }
  float* data() noexcept { return static_cast<float*>(buffer_.data()); }
  const float* data() const noexcept { return static_cast<const float*>(buffer_.data()); }

 private:
  AlignedBuffer buffer_;
  std::size_t size_ = 0;
};

/// Zero filled where a panel goes beyond the channels. Arrays that the problem lacks have a null data().
struct PackedWeights {
  PackedArray depthwise;    // [ceil(IC / panel)][KH][KW][m][panel]
  PackedArray middle_bias;  // [m][IC rounded up to the depthwise panel]
  PackedArray pointwise;    // [ceil(OC / panel)][m][IC][panel]
  PackedArray bias;         // [OC]
};

/// @throws std::invalid_argument where the weights do not fit the problem or a panel is not positive; std::bad_alloc
PackedWeights pack_weights(const ConvWeights& weights, const ConvProblem& problem, std::int32_t depthwise_panel,
                           std::int32_t pointwise_panel);

}  // namespace sepconv
