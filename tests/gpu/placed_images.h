#pragma once
// Images that lie anywhere in a device memory, for tests of kernels.

#include <cstdint>
#include <vector>

#include "runtime/gpu/device_kernel.h"
#include "sepconv/conv_problem.h"

namespace sepconv::test {

/// A batch of images with their pitches, and elements around them that no kernel may change.
class PlacedImages {
 public:
  /// @param values  [batch, H, W, C] or [batch, C, H, W], as the layout says; empty: NaN
  /// @param first   elements before the first image
  PlacedImages(const GpuContext& context, DataType dtype, Layout layout, const Extents& extents, const Pitches& pitches,
               std::int64_t batch, std::int64_t first, const std::vector<double>& values);

  DeviceImages images() const;

  /// Copies the memory back.
  /// @return the images, as the constructor takes them
  /// @throws std::runtime_error for an element between or around the images that is not what it was
  std::vector<double> values() const;

 private:
  /// Places of the images' elements in the memory, in the order of the values.
  std::vector<std::size_t> places() const;
  /// The memory with the values in their places.
  std::vector<double> placed(const std::vector<double>& values) const;

  DataType dtype_;
  Layout layout_;
  Extents extents_;
  std::int64_t row_, pixel_, batch_, first_, image_pitch_;
  GpuTensor memory_;
};

}  // namespace sepconv::test
