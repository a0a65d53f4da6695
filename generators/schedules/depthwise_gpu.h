#pragma once
// HOW the depthwise stage runs on a GPU: each thread sums the taps of its elements in registers.

#include "schedules/tile_gpu.h"
#include "stages/depthwise.h"

namespace sepconv {

/// The stage alone: `out` is the kernel's output, already split by schedule_output_gpu.
void schedule_depthwise_gpu(Halide::Func out, DepthwiseStage& stage, const ConvProblem& problem,
                            const GpuSchedule& schedule, const GpuLoops& loops);

/// The stage inside of a pointwise stage's staging.
/// @param item  the loop of `middle` over a thread's vectors.
void schedule_depthwise_gpu(Halide::Func middle, const Halide::Var& item, DepthwiseStage& stage,
                            const ConvProblem& problem, const GpuSchedule& schedule);

}  // namespace sepconv
