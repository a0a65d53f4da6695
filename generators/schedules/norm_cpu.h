#pragma once
// HOW a norm runs on a CPU. A change here alters speed, never meaning.

#include "generators/schedules/block_cpu.h"
#include "generators/stages/norm.h"

namespace sepconv::generators {

/// A tile of pixels at a time: its sums stay in registers, and its inputs in L1 from the first of three reads to the
/// last.
/// @param out   the kernel's output, split by split_output() into `blocks`
/// @param c, n  its channel and image
void schedule_norm_cpu(Halide::Func out, NormStage& stage, const Lowering& problem,
                       const DepthwiseCpuSchedule& schedule, const Pixels& pixels, const Halide::Var& c,
                       const Halide::Var& n, const BlockLoops& blocks);

}  // namespace sepconv::generators
