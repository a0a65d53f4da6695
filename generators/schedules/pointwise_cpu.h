#pragma once
// HOW the pointwise stage runs inside one block. A change here alters speed, never meaning.

#include "generators/spec/schedule.h"
#include "generators/stages/pointwise.h"

namespace sepconv::generators {

/// Micro-tiles of mr pixels x nr channels with their sums in registers; a panel of weights is read once for all the
/// pixel tiles of a block.
/// @param out    the kernel's output, its pixels already split into blocks and tiles of mr.
/// @param outer  the loops outside the block, innermost first.
void schedule_pointwise_cpu(Halide::Func out, PointwiseStage& stage, const Lowering& problem,
                            const PointwiseCpuSchedule& schedule, const Pixels& pixels, const Halide::Var& f,
                            const Halide::Var& tile, const std::vector<Halide::Var>& outer);

}  // namespace sepconv::generators
