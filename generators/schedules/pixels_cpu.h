#pragma once
// HOW the output of a stage that has no window is computed inside a block.

#include "generators/schedules/block_cpu.h"

namespace sepconv::generators {

/// All channels of a tile of pixels, then those of the next tile: vectors lie along channels in nhwc, along columns in
/// nchw.
/// @param out   the kernel's output, split by split_output() into `blocks`
/// @param c, n  its channel and image
void schedule_pixels_cpu(Halide::Func out, const Lowering& problem, const DepthwiseCpuSchedule& schedule,
                         const Pixels& pixels, const Halide::Var& c, const Halide::Var& n, const BlockLoops& blocks);

}  // namespace sepconv::generators
