#pragma once
// HOW the depthwise stage runs inside one block. A change here alters speed, never meaning.

#include "generators/schedules/block_cpu.h"
#include "generators/spec/schedule.h"
#include "generators/stages/depthwise.h"
#include "generators/stages/padding.h"

namespace sepconv::generators {

/// The loops of the Func that consumes the sums, all inside of one block.
struct DepthwiseLoops {
  Halide::Var c, x, tile, y, m;    // channel, column within a tile, tile, row, multiplier
  std::vector<Halide::Var> outer;  // outside the block, innermost first
  BlockExtents extents;            // of the block
  bool scratch = false;            // the consumer is not the kernel's output and may have more channels than it
};

/// Panels of channels outermost, so that a panel's input tile and its taps stay in L1 while its pixels are swept.
/// @param out     the consumer of the stage's sums: the kernel's output, or the depthwise result of a block.
/// @param padded  the stage's input; copied into a tile for each panel if the schedule says so, else inlined.
void schedule_depthwise_cpu(Halide::Func out, DepthwiseStage& stage, const PaddedInput& padded, const Lowering& problem,
                            const DepthwiseCpuSchedule& schedule, const DepthwiseLoops& loops);

/// Channels of a packed depthwise panel: the tile where it divides the channels or exceeds them, else all channels (the
/// last tile then moves inwards and straddles what would be two panels).
int depthwise_panel(const Lowering& problem, const DepthwiseCpuSchedule& schedule);

}  // namespace sepconv::generators
