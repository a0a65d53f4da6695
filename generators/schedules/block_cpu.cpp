#include "generators/schedules/block_cpu.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

std::vector<Var> BlockLoops::with_batch(const Var& n) const {
  std::vector<Var> loops = blocks;
  loops.push_back(n);
  return loops;
}

BlockLoops split_output(Func out, const Lowering& p, const BlockCpuSchedule& s, const Pixels& pixels, int tile) {
  BlockLoops loops;
  Var xb("x_block"), yb("y_block"), qb("q_block");
  if (pixels.flat) {
    const int block = s.oh_block * p.OW();
    if (block % tile == 0 && p.OH() % s.oh_block != 0) {
      // Tiles first, so that the last block has fewer tiles rather than guarded pixels.
      out.split(pixels.q, loops.tile, pixels.q, tile, tile_tail(p.OH() * p.OW(), tile))
          .split(loops.tile, qb, loops.tile, block / tile, TailStrategy::GuardWithIf);
    } else {
      // Whole rows first, so that the depthwise stage can compute rows; tiles then run across the row ends.
      out.split(pixels.q, qb, pixels.q, block, TailStrategy::GuardWithIf)
          .split(pixels.q, loops.tile, pixels.q, tile, tile_tail(block, tile));
    }
    loops.blocks = {qb};
    return loops;
  }
  // Tiles first, so that a partial block has fewer tiles rather than guarded pixels.
  out.split(pixels.x, loops.tile, pixels.x, tile, p.dynamic_w() ? TailStrategy::GuardWithIf : tile_tail(p.OW(), tile))
      .split(loops.tile, xb, loops.tile, s.ow_block / tile, TailStrategy::GuardWithIf)
      .split(pixels.y, yb, pixels.y, s.oh_block, TailStrategy::GuardWithIf);
  loops.blocks = {xb, yb};
  return loops;
}

void parallel_loops(Func func, const std::vector<Var>& loops) {
  for (const Var& loop : loops) func.parallel(loop);
}

TailStrategy tile_tail(int extent, int tile) {
  if (extent % tile == 0) return TailStrategy::RoundUp;
  return extent > tile ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
}

TailStrategy scratch_tail(int extent, int tile) {
  return extent < tile ? TailStrategy::RoundUp : tile_tail(extent, tile);
}

BlockExtents block_extents(const Lowering& p, const BlockCpuSchedule& s, int tile) {
  return {round_up(s.fuse ? s.ow_block : p.OW(), tile), s.fuse ? s.oh_block : round_up(p.OH(), s.oh_block)};
}

}  // namespace sepconv::generators
