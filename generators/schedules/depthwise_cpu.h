#pragma once
// HOW the depthwise stage runs inside one block. A change here alters speed, never meaning.

#include "spec/schedule.h"
#include "stages/depthwise.h"

namespace sepconv {

/// Panels of channels outermost, so that a panel's input tile and its taps stay in L1 while its pixels are swept.
/// @param out      the Func whose pure loops run over one block: c, x, y (and m) are its inner loops.
/// @param padded   the stage's input; copied into a tile for each panel if the schedule says so, else inlined.
/// @param columns  extent of the x loop: columns of a block.
/// @param outer    the loops outside of the block, innermost first.
void schedule_depthwise_cpu(Halide::Func out, DepthwiseStage& stage, Halide::Func padded, const ConvProblem& problem,
                            const DepthwiseCpuSchedule& schedule, const Target& target, const Pixels& pixels,
                            int columns, const Halide::Var& c, const Halide::Var& x, const Halide::Var& y,
                            const Halide::Var& m, const std::vector<Halide::Var>& outer);

/// Channels of a packed depthwise panel: the tile where it divides the channels or exceeds them, else all channels (the
/// last tile then moves inwards and straddles what would be two panels).
int depthwise_panel(const ConvProblem& problem, const DepthwiseCpuSchedule& schedule);

}  // namespace sepconv
