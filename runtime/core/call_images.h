#pragma once
// The images of a call: parts of their batch, the pads that their extents select, and the operands.

#include <cstddef>
#include <cstdint>

#include "runtime/core/view_checks.h"

namespace sepconv::detail {

/// Images of a batch that 32-bit element offsets reach.
std::int64_t reachable_batch(const Images& images) noexcept;

/// `count` images from number `begin` on.
Images slice_batch(const Images& images, std::int64_t begin, std::int64_t count) noexcept;

/// Padding before the first element of an axis, and whether the output extent is one that Keras would compute.
struct AxisPadding {
  std::int64_t before = 0;
  bool fits = false;
};

/// From the extents of a dynamic axis: "valid" and "same" never share an output extent unless they share the padding.
AxisPadding dynamic_padding(std::int64_t input, std::int64_t output, std::int64_t effective,
                            std::int64_t stride) noexcept;

/// Reads the operands of a call and compares them with what the problem's steps expect for that output.
/// @param images  receives as many as operands_of(problem) has
/// @return false, with `status` set, naming the operand.
bool read_operands(const char* layer, const ConvProblem& problem, bool rank3, const ConstTensorView* views,
                   const Images& out, Images* images, Status& status) noexcept;

}  // namespace sepconv::detail
