#pragma once
// Reads a caller's view as images of H x W x C, or reports what is wrong with it. No allocation, no exception.

#include <array>
#include <cstddef>
#include <cstdint>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/status.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv::detail {

/// A batch of images, dense but for their pitches.
struct Images {
  const void* data = nullptr;
  std::int64_t batch = 0, H = 0, W = 0, C = 0;
  std::int64_t batch_pitch = 0;  // elements
  std::int64_t element_bytes = 0;
  std::int64_t row_pitch = 0, pixel_pitch = 0;  // of nhwc images that are a part of larger ones; 0: dense
  std::int64_t image_elements() const noexcept { return H * W * C; }
  /// From the first element to behind the last one.
  std::int64_t image_span() const noexcept {
    return pixel_pitch == 0 ? image_elements() : (H - 1) * row_pitch + (W - 1) * pixel_pitch + C;
  }
};

/// The operands of a kernel.
inline constexpr std::size_t kMaxOperands = 8;

/// Memory for the operands of a call, which most calls have none of: not set to zeros first.
struct OperandImages {
  OperandImages() noexcept {}
  union {
    std::array<Images, kMaxOperands> list;
  };
};

/// "(4, 10, 12)", in place.
struct ShapeText {
  explicit ShapeText(const ConstTensorView& view) noexcept;
  char text[104];
};

/// The images of a view of rank 4, or 3 where `rank3` allows it (H = 1); all but memory order is checked.
/// @return false, with `status` set, for a wrong dtype, rank, extent or size.
bool read_images(const char* layer, const char* which, const ConstTensorView& view, const ConvProblem& problem,
                 bool rank3, Images& images, Status& status) noexcept;

/// Checks data pointer, alignment, that an image is dense or has the pitches that `images` says, and the batch pitch
/// (>= an image for outputs, >= 0 for inputs). Only for views with elements.
bool check_memory(const char* layer, const char* which, const ConstTensorView& view, const Images& images,
                  bool is_output, Status& status) noexcept;

/// True where any byte of one is a byte of the other. Both have passed check_memory.
bool images_overlap(const Images& a, const Images& b) noexcept;

}  // namespace sepconv::detail
