#include "runtime/core/view_checks.h"

#include <cstddef>
#include <cstdio>
#include <limits>

namespace sepconv::detail {
namespace {

constexpr std::int64_t kMaxImageElements = std::numeric_limits<std::int32_t>::max();

}  // namespace

ShapeText::ShapeText(const ConstTensorView& view) noexcept {
  int used = std::snprintf(text, sizeof text, "(");
  const int rank = view.rank < 0 ? 0 : view.rank > kMaxRank ? kMaxRank : view.rank;
  for (int axis = 0; axis < rank; ++axis)
    used += std::snprintf(text + used, sizeof text - used, "%s%lld", axis == 0 ? "" : ", ",
                          static_cast<long long>(view.extents[axis]));
  std::snprintf(text + used, sizeof text - used, rank == 1 ? ",)" : ")");
}

bool read_images(const char* layer, const char* which, const ConstTensorView& view, const ConvProblem& problem,
                 bool rank3, Images& images, Status& status) noexcept {
  if (view.dtype != problem.dtype) {
    status = Status::error(StatusCode::invalid_dtype, "layer '%s': the %s has data type %s; expected %s", layer, which,
                           keras_name(view.dtype), keras_name(problem.dtype));
    return false;
  }
  if (view.rank != 4 && !(rank3 && view.rank == 3)) {
    status = Status::error(StatusCode::invalid_shape, "layer '%s': the %s has rank %d; expected %s", layer, which,
                           view.rank, rank3 ? "3 or 4" : "4");
    return false;
  }
  const bool has_h = view.rank == 4;
  const bool channels_last = problem.layout == Layout::nhwc;
  const int axis_h = channels_last ? 1 : 2;
  const int axis_w = axis_h + (has_h ? 1 : 0);
  const int axis_c = channels_last ? view.rank - 1 : 1;
  images.data = view.data;
  images.element_bytes = static_cast<std::int64_t>(size_bytes(view.dtype));
  images.batch = view.extents[0];
  images.H = has_h ? view.extents[axis_h] : 1;
  images.W = view.extents[axis_w];
  images.C = view.extents[axis_c];
  images.batch_pitch = view.pitches[0];
  bool fits = images.batch >= 0 && images.H >= 0 && images.W >= 0 && images.C >= 0;
  std::int64_t elements = 0;
  fits = fits && !__builtin_mul_overflow(images.H, images.W, &elements) &&
         !__builtin_mul_overflow(elements, images.C, &elements) && elements <= kMaxImageElements;
  if (!fits) {
    status = Status::error(StatusCode::invalid_shape,
                           "layer '%s': the %s has shape %s; expected extents of 0 or more and at most 2^31 - 1 "
                           "elements per image",
                           layer, which, ShapeText(view).text);
    return false;
  }
  return true;
}

bool check_memory(const char* layer, const char* which, const ConstTensorView& view, const Images& images,
                  bool is_output, Status& status) noexcept {
  const auto misaligned = reinterpret_cast<std::uintptr_t>(images.data) &
                          (static_cast<std::uintptr_t>(images.element_bytes) - 1);  // sizes are powers of two
  if (images.data == nullptr || misaligned != 0) {
    status = Status::error(StatusCode::invalid_layout, "layer '%s': the %s's data pointer is %s", layer, which,
                           images.data == nullptr ? "null" : "not aligned to its elements");
    return false;
  }
  std::int64_t pitch = 1;
  for (int axis = view.rank - 1; axis >= 1; --axis) {
    if (images.pixel_pitch != 0 && axis == view.rank - 2) pitch = images.pixel_pitch;
    if (images.pixel_pitch != 0 && axis == view.rank - 3) pitch = images.row_pitch;
    if (view.extents[axis] > 1 && view.pitches[axis] != pitch) {
      status = Status::error(
          StatusCode::invalid_layout, "layer '%s': axis %d of the %s, of shape %s, has pitch %lld; expected %lld%s",
          layer, axis, which, ShapeText(view).text, static_cast<long long>(view.pitches[axis]),
          static_cast<long long>(pitch), images.pixel_pitch != 0 ? "" : ": all axes but the batch must be dense");
      return false;
    }
    pitch *= view.extents[axis];
  }
  if (images.batch == 1) return true;
  const std::int64_t least = is_output ? images.image_span() : 0;
  std::int64_t span = 0;
  if (images.batch_pitch < least || __builtin_mul_overflow(images.batch, images.batch_pitch, &span) ||
      span > std::numeric_limits<std::int64_t>::max() / 16) {
    status = Status::error(StatusCode::invalid_layout,
                           "layer '%s': the %s's batch pitch is %lld; expected %lld or more, within the address space",
                           layer, which, static_cast<long long>(images.batch_pitch), static_cast<long long>(least));
    return false;
  }
  return true;
}

/// True for two sets of channels of the same pixels, as steps of a network read and write parts of one tensor.
static bool share_pixels_only(const Images& a, const Images& b) noexcept {
  const std::int64_t pixel = a.pixel_pitch;
  if (pixel == 0 || b.pixel_pitch != pixel || a.element_bytes != b.element_bytes) return false;
  for (const Images* images : {&a, &b})
    if ((images->H > 1 && images->row_pitch % pixel != 0) || (images->batch > 1 && images->batch_pitch % pixel != 0))
      return false;
  const std::int64_t bytes = static_cast<const std::byte*>(b.data) - static_cast<const std::byte*>(a.data);
  if (bytes % a.element_bytes != 0) return false;
  const std::int64_t from_a = (bytes / a.element_bytes % pixel + pixel) % pixel;  // b's channels in a's pixels
  return from_a >= a.C && from_a + b.C <= pixel;
}

bool images_overlap(const Images& a, const Images& b) noexcept {
  struct Span {
    std::uintptr_t begin, pitch, bytes;
    std::int64_t count;
    std::uintptr_t at(std::int64_t n) const { return begin + pitch * static_cast<std::uintptr_t>(n); }
    std::uintptr_t end() const { return at(count - 1) + bytes; }
  };
  const auto span_of = [](const Images& images) {
    return Span{reinterpret_cast<std::uintptr_t>(images.data),
                static_cast<std::uintptr_t>(images.batch == 1 ? 0 : images.batch_pitch * images.element_bytes),
                static_cast<std::uintptr_t>(images.image_span() * images.element_bytes), images.batch};
  };
  const Span x = span_of(a), y = span_of(b);
  if (x.end() <= y.begin || y.end() <= x.begin) return false;
  if (share_pixels_only(a, b)) return false;
  // The images of one may lie in the gaps of the other, as the halves of a concatenation do.
  for (std::int64_t i = 0, j = 0; i < x.count && j < y.count;) {
    if (x.at(i) + x.bytes <= y.at(j))
      ++i;
    else if (y.at(j) + y.bytes <= x.at(i))
      ++j;
    else
      return true;
  }
  return false;
}

}  // namespace sepconv::detail
