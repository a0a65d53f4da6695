#pragma once
// HOW the depthwise stage runs on a GPU: each thread sums the taps of its elements in registers.

#include "generators/schedules/tile_gpu.h"
#include "generators/stages/depthwise.h"

namespace sepconv::generators {

/// The stage alone: `out` is what its kernel writes, already split by schedule_output_gpu.
/// @param at  the innermost loop of `out` outside a thread's tile.
void schedule_depthwise_gpu(Halide::Func out, const Halide::Var& at, DepthwiseStage& stage, const Lowering& problem,
                            const GpuSchedule& schedule);

/// The stage inside of a pointwise stage's staging.
/// @param item  the loop of `middle` over a thread's vectors.
void schedule_staged_depthwise_gpu(Halide::Func middle, const Halide::Var& item, DepthwiseStage& stage,
                                   const Lowering& problem, const GpuSchedule& schedule);

}  // namespace sepconv::generators
