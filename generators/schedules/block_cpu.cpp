#include "block_cpu.h"

namespace sepconv {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

TailStrategy block_tail(bool dynamic, int extent, int block) {
  return !dynamic && extent % block == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf;
}

void fuse_and_parallel(Func func, const std::vector<Var>& loops, const Var& task) {
  Var fused = loops.front();
  for (std::size_t i = 1; i < loops.size(); ++i) {
    Var next("fused_task");
    func.fuse(fused, loops[i], next);
    fused = next;
  }
  Var unused("unused_task");
  func.split(fused, task, unused, 1, TailStrategy::RoundUp);
  func.parallel(task);
}

}  // namespace

Blocks split_blocks(Func func, const ConvProblem& p, const BlockCpuSchedule& s, const Pixels& pixels) {
  Blocks blocks;
  Var xb("x_block"), yb("y_block"), qb("q_block");
  if (pixels.flat) {
    func.split(pixels.q, qb, pixels.q, s.oh_block * p.OW(), block_tail(false, p.OH(), s.oh_block));
    blocks.loops = {qb};
  } else {
    func.split(pixels.x, xb, pixels.x, s.ow_block, block_tail(p.dynamic_w(), p.OW(), s.ow_block));
    func.split(pixels.y, yb, pixels.y, s.oh_block, block_tail(p.dynamic_h(), p.OH(), s.oh_block));
    blocks.loops = {xb, yb};
  }
  return blocks;
}

void parallel_blocks(Func func, const Blocks& blocks, const Var& n) {
  std::vector<Var> loops = blocks.loops;
  loops.push_back(n);
  fuse_and_parallel(func, loops, blocks.task);
}

void parallel_blocks_within_image(Func func, const Blocks& blocks) {
  fuse_and_parallel(func, blocks.loops, blocks.task);
}

TailStrategy tile_tail(int extent, int tile) {
  if (extent % tile == 0) return TailStrategy::RoundUp;
  return extent > tile ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
}

}  // namespace sepconv
