#include "block_cpu.h"

namespace sepconv {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

}  // namespace

std::vector<Var> split_blocks(Func func, const ConvProblem& p, const BlockCpuSchedule& s, const Pixels& pixels) {
  Var xb("x_block"), yb("y_block"), qb("q_block");
  if (pixels.flat) {
    func.split(pixels.q, qb, pixels.q, s.oh_block * p.OW(), TailStrategy::GuardWithIf);
    return {qb};
  }
  func.split(pixels.x, xb, pixels.x, s.ow_block, TailStrategy::GuardWithIf);
  func.split(pixels.y, yb, pixels.y, s.oh_block, TailStrategy::GuardWithIf);
  return {xb, yb};
}

void parallel_loops(Func func, const std::vector<Var>& loops) {
  for (const Var& loop : loops) func.parallel(loop);
}

TailStrategy tile_tail(int extent, int tile) {
  if (extent % tile == 0) return TailStrategy::RoundUp;
  return extent > tile ? TailStrategy::ShiftInwards : TailStrategy::GuardWithIf;
}

}  // namespace sepconv
