#include "runtime/core/tensor_regions.h"

#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>

#include "sepconv/detail/tensor_view.h"

namespace sepconv::detail {
namespace {

constexpr std::int64_t kMaxElements = std::numeric_limits<std::int32_t>::max();

/// A region as intervals of rows, runs and elements of an image with these pitches.
struct Box {
  std::int64_t y, x, c, H, W, C;
  bool wraps;  // a run or a row goes beyond its pitch: the intervals say nothing
};

Box box_of(const Region& region, std::int64_t row, std::int64_t pixel) noexcept {
  Box box{
      region.first / row, region.first % row / pixel, region.first % row % pixel, region.H, region.W, region.C, false};
  box.wraps = box.c + box.C > pixel || (box.x + box.W - 1) * pixel + box.c + box.C > row;
  return box;
}

/// The pitches by which both regions are boxes: those of the ones that have any. False where they differ.
bool common_pitches(const Region& a, const Region& b, std::int64_t& row, std::int64_t& pixel) noexcept {
  const Region& pitched = a.contiguous() ? b : a;
  row = pitched.row, pixel = pitched.pixel;
  return pixel > 0 && row >= pixel && (a.contiguous() || b.contiguous() || (a.row == b.row && a.pixel == b.pixel));
}

/// True where both have different channels of the same pixels, whatever rows and pixels they skip. An example is a
/// concatenation of the phases of a transposed convolution with another tensor.
bool different_channels(const Region& a, const Region& b) noexcept {
  if (a.contiguous() || b.contiguous()) return false;
  const std::int64_t pixel = std::gcd(std::gcd(a.row, a.pixel), std::gcd(b.row, b.pixel));
  const std::int64_t p = a.first % pixel, q = b.first % pixel;
  if (p + a.C > pixel || q + b.C > pixel) return false;
  return p + a.C <= q || q + b.C <= p;
}

}  // namespace

std::int64_t image_elements(const NetworkTensor& tensor) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : tensor.shape) {
    if (extent < 1 || extent > kMaxElements || (elements *= extent) > kMaxElements)
      throw std::invalid_argument("shape " + to_text(tensor.shape) +
                                  "; expected positive extents and at most 2^31 - 1 elements");
  }
  return elements;
}

Region region_of(const NetworkTensor& tensor) {
  const std::int64_t elements = image_elements(tensor);
  if (tensor.pitches.dense()) return {tensor.first, elements, elements, 1, 1, elements};
  const std::size_t rank = tensor.shape.size();
  if (rank < 1 || rank > 3)
    throw std::invalid_argument("shape " + to_text(tensor.shape) + "; expected rank 1 to 3 where there are pitches");
  Region region{tensor.first, tensor.pitches.row, tensor.pitches.pixel, 1, 1, tensor.shape.back()};
  if (rank >= 2) region.W = tensor.shape[rank - 2];
  if (rank == 3) region.H = tensor.shape[0];
  if (region.row < region.pixel) {  // an image with its axes exchanged has the same elements
    std::swap(region.row, region.pixel);
    std::swap(region.H, region.W);
  }
  if (region.pixel < region.C || region.row < (region.W - 1) * region.pixel + region.C)
    throw std::invalid_argument("pitches " + std::to_string(region.row) + "x" + std::to_string(region.pixel) +
                                " of the shape " + to_text(tensor.shape) + "; expected no rows or pixels that overlap");
  return region;
}

bool contains(const Region& outer, const Region& inner) noexcept {
  if (inner.first < outer.first || inner.end() > outer.end()) return false;
  if (outer.contiguous()) return true;
  std::int64_t row = 0, pixel = 0;
  if (!common_pitches(outer, inner, row, pixel)) return false;
  const Box o = box_of(outer, row, pixel), i = box_of(inner, row, pixel);
  return !o.wraps && !i.wraps && i.y >= o.y && i.y + i.H <= o.y + o.H && i.x >= o.x && i.x + i.W <= o.x + o.W &&
         i.c >= o.c && i.c + i.C <= o.c + o.C;
}

bool may_overlap(const Region& a, const Region& b) noexcept {
  if (a.end() <= b.first || b.end() <= a.first || different_channels(a, b)) return false;
  std::int64_t row = 0, pixel = 0;
  if (!common_pitches(a, b, row, pixel)) return true;
  const Box p = box_of(a, row, pixel), q = box_of(b, row, pixel);
  const auto apart = [](std::int64_t x, std::int64_t n, std::int64_t y, std::int64_t m) {
    return x + n <= y || y + m <= x;
  };
  if (p.wraps || q.wraps) return true;
  return !apart(p.y, p.H, q.y, q.H) && !apart(p.x, p.W, q.x, q.W) && !apart(p.c, p.C, q.c, q.C);
}

}  // namespace sepconv::detail
