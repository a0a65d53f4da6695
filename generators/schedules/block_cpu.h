#pragma once
// HOW the output is cut into blocks for parallel tasks, and a block into register tiles of pixels.

#include "generators/spec/schedule.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// The loops that a pixel variable was split into; the variable itself (x or q) then runs within one tile.
struct BlockLoops {
  std::vector<Halide::Var> blocks;  // innermost first, without the batch
  Halide::Var tile{"tile"};         // tiles of pixels within a block (and row, unless flat)

  /// The blocks, then the images.
  std::vector<Halide::Var> with_batch(const Halide::Var& n) const;
};

/// Splits the pixel variables of the kernel's output into blocks of oh_block x ow_block pixels and tiles of `tile`.
BlockLoops split_output(Halide::Func out, const Lowering& problem, const BlockCpuSchedule& schedule,
                        const Pixels& pixels, int tile);

/// Makes each of the loops parallel. Fused into one loop they would lose the bounds that keep a block's scratch small;
/// the runtime runs a parallel loop of one iteration, or inside of a task, in place.
void parallel_loops(Halide::Func func, const std::vector<Halide::Var>& loops);

/// Tail for tiles of `tile` in loops of `extent`: exact tiles need none; else the last tile moves inwards, which needs
/// extent >= tile; else each element is guarded.
Halide::TailStrategy tile_tail(int extent, int tile);

/// The same in memory of the kernel's own, where elements beyond a small extent need no guard: masked stores are slow.
Halide::TailStrategy scratch_tail(int extent, int tile);

/// The largest region of output pixels that one block's intermediate results span.
struct BlockExtents {
  int columns, rows;
};

/// @param tile  the register tile that columns are rounded up to where a block is not made of whole rows.
BlockExtents block_extents(const Lowering& problem, const BlockCpuSchedule& schedule, int tile);

}  // namespace sepconv::generators
