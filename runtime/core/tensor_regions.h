#pragma once
// Which elements of its base a tensor of a network is.

#include <cstdint>

#include "sepconv/detail/network_plan.h"

namespace sepconv::detail {

/// H rows of W runs of C elements, in an image of the base. Contiguous elements are one run.
struct Region {
  std::int64_t first = 0;
  std::int64_t row = 0, pixel = 0;  // distances between rows and between runs
  std::int64_t H = 1, W = 1, C = 1;

  std::int64_t elements() const noexcept { return H * W * C; }
  std::int64_t end() const noexcept { return first + (H - 1) * row + (W - 1) * pixel + C; }
  bool contiguous() const noexcept { return H == 1 && W == 1; }
};

/// Elements of an image of the tensor.
/// @throws std::invalid_argument for a shape that is no shape or has more than 2^31 - 1 elements.
std::int64_t image_elements(const NetworkTensor& tensor);

/// @throws std::invalid_argument if the pitches do not fit the shape, or leave what 64 bits hold.
Region region_of(const NetworkTensor& tensor);

/// True if all elements of `inner` are elements of `outer`; regions whose pitches differ count as apart.
bool contains(const Region& outer, const Region& inner) noexcept;

/// True if the regions may have an element in common; regions whose pitches differ do where their spans meet.
bool may_overlap(const Region& a, const Region& b) noexcept;

}  // namespace sepconv::detail
