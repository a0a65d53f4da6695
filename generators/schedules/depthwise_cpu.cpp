#include "depthwise_cpu.h"

#include "block_cpu.h"

namespace sepconv {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

}  // namespace

int depthwise_panel(const ConvProblem& p, const DepthwiseCpuSchedule& s) {
  return p.IC % s.c_tile == 0 || p.IC < s.c_tile ? s.c_tile : p.IC;
}

void schedule_depthwise_cpu(Func out, DepthwiseStage& stage, Func padded, const ConvProblem& p,
                            const DepthwiseCpuSchedule& s, const Target& target, const Pixels& pixels, int columns,
                            const Var& c, const Var& x, const Var& y, const Var& m, const std::vector<Var>& outer) {
  const bool nhwc = p.layout == Layout::nhwc;
  const bool tiled_input = s.pad_tile != 0;
  const int vector = vector_elems(nhwc ? s.c_tile : s.ow_tile, target);
  Var co("c_panel"), xo("x_tile");
  const TailStrategy c_tail = tile_tail(p.IC, s.c_tile);
  out.split(c, co, c, s.c_tile, c_tail).split(x, xo, x, s.ow_tile, tile_tail(columns, s.ow_tile));
  std::vector<VarOrRVar> order = nhwc ? std::vector<VarOrRVar>{c, x} : std::vector<VarOrRVar>{x, c};
  for (const Var& loop : {xo, y, m, co}) order.push_back(loop);
  order.insert(order.end(), outer.begin(), outer.end());
  out.reorder(order).vectorize(nhwc ? c : x, vector).unroll(c).unroll(x);

  // The sums of a tile stay in registers over all taps.
  const Var sum_x = pixels.flat ? pixels.q : pixels.x;
  stage.sum.compute_at(out, xo).store_in(Halide::MemoryType::Register).bound_extent(sum_x, s.ow_tile);
  stage.sum.bound_extent(c, s.c_tile);
  stage.sum.vectorize(nhwc ? c : sum_x, vector).unroll(c).unroll(sum_x);
  stage.sum.update()
      .reorder(nhwc ? std::vector<VarOrRVar>{c, sum_x, stage.tap.x, stage.tap.y}
                    : std::vector<VarOrRVar>{sum_x, c, stage.tap.x, stage.tap.y})
      .vectorize(nhwc ? c : sum_x, vector)
      .unroll(c)
      .unroll(sum_x);
  if (!tiled_input) return;

  padded.compute_at(out, co);
  const Var innermost = padded.args()[0];
  if (nhwc && p.IC >= s.c_tile)
    padded.vectorize(innermost, vector, TailStrategy::RoundUp).unroll(innermost);
  else if (!nhwc)
    padded.vectorize(innermost, target.lanes, TailStrategy::RoundUp);
}

}  // namespace sepconv
