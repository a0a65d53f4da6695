#pragma once
// HOW the pointwise stage runs in one GPU block: a GEMM with its operands in shared memory and its sums in registers.

#include "generators/schedules/tile_gpu.h"
#include "generators/stages/pointwise.h"

namespace sepconv::generators {

struct PointwiseGpuLoops {
  Halide::Var f, q;
  GpuLoops tile;
};

/// The sums of the block's tile, over steps of k_step channels. After the whole kernel is lowered, ThreadRegisters must
/// put the sums into the threads' registers.
void schedule_pointwise_gpu(Halide::Func out, PointwiseStage& stage, const Lowering& problem,
                            const GpuSchedule& schedule, const PointwiseGpuLoops& loops);

/// The operands of a step: both go to shared memory once a step, and from there in vectors to registers.
/// @param middle    middle_arguments(layout, c, q, m, n)
/// @param unpacked  unpacked_weights
/// @return the loop of `middle` over a thread's vectors.
Halide::Var schedule_staging_gpu(Halide::Func middle, Halide::Func unpacked, PointwiseStage& stage,
                                 const Lowering& problem, const GpuSchedule& schedule, const Halide::Var& c,
                                 const Halide::Var& q);

}  // namespace sepconv::generators
