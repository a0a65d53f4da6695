#pragma once
// HOW the output is cut into blocks and dealt to parallel tasks.

#include "spec/schedule.h"
#include "stages/pixels.h"

namespace sepconv {

/// Splits the pixel variables of `func` into blocks of oh_block x ow_block output pixels; the variables themselves then
/// run within one block.
/// @return the loops over blocks, innermost first.
std::vector<Halide::Var> split_blocks(Halide::Func func, const ConvProblem& problem, const BlockCpuSchedule& schedule,
                                      const Pixels& pixels);

/// Makes the loops over blocks and images parallel, each of its own: fused into one loop they would lose the bounds
/// that keep a block's scratch small. The runtime runs a parallel loop inside of a task, or of one iteration, in place.
void parallel_loops(Halide::Func func, const std::vector<Halide::Var>& loops);

/// Tail for tiles of `tile` in loops of `extent`: exact tiles need none; else the last tile moves inwards, which needs
/// extent >= tile; else each element is guarded.
Halide::TailStrategy tile_tail(int extent, int tile);

}  // namespace sepconv
