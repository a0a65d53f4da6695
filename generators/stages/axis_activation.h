#pragma once
// WHAT an activation along an axis makes of the elements of its axis. No tile, vector, thread or target appears here.

#include <functional>
#include <vector>

#include "generators/spec/lowering.h"
#include "generators/stages/channel_reduction.h"

namespace sepconv::generators {

/// glu: the first half of an axis, times the sigmoid of the second.
Halide::Expr gated(const Halide::Expr& value, const Halide::Expr& gate);

struct AxisStage {
  std::vector<ChannelReduction> reductions;
  std::vector<Halide::Func> values;  // of each line: its maximum, and what its sum makes
  Halide::Expr value;                // of image_arguments(layout, i, pixels, n)
};

/// softmax or log_softmax of lines, with one line for each pixel of `pixels`. The maximum of the line is subtracted
/// first, so that no exponential overflows.
/// @param layout   of the arguments: nhwc where the elements of a line are dense
/// @param element  the element of a line, of i and the pixel
/// @param width    lanes of a reduction: a power of two, at most the elements of a line
AxisStage axis_stage(const Lowering& problem, Layout layout,
                     const std::function<Halide::Expr(const Halide::Expr& i)>& element, int width, const Pixels& pixels,
                     const Halide::Var& i, const Halide::Var& n);

}  // namespace sepconv::generators
