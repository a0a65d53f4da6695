#pragma once
// HOW the pointwise stage runs inside one block. A change here alters speed, never meaning.

#include "spec/schedule.h"
#include "stages/pointwise.h"

namespace sepconv {

/// Micro-tiles of mr pixels x nr channels with their sums in registers; a panel of weights is read once for all the
/// pixel tiles of a block.
/// @param out    the Func whose pure loops run over one block; its channel and pixel loops are tiled here.
/// @param outer  the loops outside of the block, innermost first.
void schedule_pointwise_cpu(Halide::Func out, PointwiseStage& stage, const ConvProblem& problem,
                            const CpuSchedule& schedule, const Target& target, const Pixels& pixels,
                            const Halide::Var& f, const std::vector<Halide::Var>& outer);

}  // namespace sepconv
