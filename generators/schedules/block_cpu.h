#pragma once
// HOW the output is cut into blocks and dealt to parallel tasks.

#include "spec/schedule.h"
#include "stages/pixels.h"

namespace sepconv {

/// Loops over blocks, outermost of a Func; the pixel variables of the Func then run within one block.
struct Blocks {
  std::vector<Halide::Var> loops;  // innermost first, without the batch
  Halide::Var task{"task"};
};

/// Splits the pixel variables of `func` into blocks of oh_block x ow_block output pixels.
Blocks split_blocks(Halide::Func func, const ConvProblem& problem, const BlockCpuSchedule& schedule,
                    const Pixels& pixels);

/// Fuses the block loops and the batch into one parallel loop, blocks.task; call after the Func's loops are reordered.
void parallel_blocks(Halide::Func func, const Blocks& blocks, const Halide::Var& n);

/// Fuses and parallelises only the block loops, below a serial loop over the batch.
void parallel_blocks_within_image(Halide::Func func, const Blocks& blocks);

/// Tail for tiles of `tile` in loops of `extent`: exact tiles need none; else the last tile moves inwards, which needs
/// extent >= tile; else each element is guarded.
Halide::TailStrategy tile_tail(int extent, int tile);

}  // namespace sepconv
