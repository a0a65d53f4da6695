#include "generators/schedules/depthwise_cpu.h"

#include <algorithm>

namespace sepconv::generators {
namespace {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// Copies the input of one panel of channels, with its zeros, into a dense tile that stays in L1.
void schedule_input_tile(const PaddedInput& input, const Func& out, const Var& panel, const Lowering& p,
                         const DepthwiseCpuSchedule& s, const BlockExtents& extents) {
  const bool nhwc = p.layout == Layout::nhwc;
  Func padded = input.func;
  const auto args = padded.args();
  const Var x = args[nhwc ? 1 : 0], y = args[args.size() - (nhwc ? 2 : 3)];
  const int width = ceil_div((extents.columns - 1) * p.window.stride_w + p.window.KW_eff(), input.phases);
  padded.compute_at(out, panel);
  padded.bound_storage(y, (extents.rows - 1) * p.window.stride_h + p.window.KH_eff());
  const int copied = input.columns.empty() ? 0 : ceil_div(p.window.pad_left + p.IW, input.phases);
  if (nhwc && copied > 0) {
    const int vector = vector_elems(s.c_tile, p.target);
    const Var c = args[0], block("c_block");
    padded.bound_storage(x, std::max(width, copied)).vectorize(c, vector, TailStrategy::RoundUp).unroll(c);
    // Squares of the image, which LLVM transposes in registers.
    for (std::size_t i = 0; i < input.columns.size(); ++i) {
      RVar outer("column_outer"), inner("column_inner");
      padded.update(static_cast<int>(i))
          .split(c, block, c, vector, TailStrategy::RoundUp)
          .split(input.columns[i].x, outer, inner, input.vectors[i])
          .reorder(inner, c, outer, block, y)
          .vectorize(inner)
          .unroll(c);
    }
  } else if (nhwc) {
    padded.bound_storage(x, width);
    if (s.c_block) {
      Var tile("c_tile");
      padded.bound_storage(args[0], std::min(s.c_block, p.IC))
          .split(args[0], tile, args[0], s.c_tile, tile_tail(p.IC, s.c_tile))
          .vectorize(args[0], vector_elems(s.c_tile, p.target))
          .unroll(args[0]);
    } else if (p.IC >= s.c_tile) {
      padded.vectorize(args[0], vector_elems(s.c_tile, p.target), TailStrategy::RoundUp).unroll(args[0]);
    }
  } else {
    padded.bound_storage(x, round_up(std::max(width, copied), p.target.lanes));
    padded.vectorize(x, p.target.lanes, TailStrategy::RoundUp);
    for (std::size_t i = 0; i < input.columns.size(); ++i)
      padded.update(static_cast<int>(i)).vectorize(input.columns[i].x, input.vectors[i]);
  }
}

}  // namespace

int depthwise_panel(const Lowering& p, const DepthwiseCpuSchedule& s) {
  return p.IC % s.c_tile == 0 || p.IC < s.c_tile ? s.c_tile : p.IC;
}

void schedule_depthwise_cpu(Func out, DepthwiseStage& stage, const PaddedInput& padded, const Lowering& p,
                            const DepthwiseCpuSchedule& s, const DepthwiseLoops& loops) {
  const bool nhwc = p.layout == Layout::nhwc;
  const int vector = vector_elems(nhwc ? s.c_tile : s.ow_tile, p.target);
  const auto order = [&](const Var& c, const Var& x) {
    return nhwc ? std::vector<VarOrRVar>{c, x} : std::vector<VarOrRVar>{x, c};
  };
  const Var& c = loops.c;
  Var panel("c_panel"), block("c_block");
  out.split(c, panel, c, s.c_tile, loops.scratch ? scratch_tail(p.IC, s.c_tile) : tile_tail(p.IC, s.c_tile));
  std::vector<VarOrRVar> nest = order(c, loops.x);
  if (s.c_block) {
    out.split(panel, block, panel, s.c_block / s.c_tile, TailStrategy::GuardWithIf);
    nest.push_back(panel);
  }
  const Var innermost = s.c_block ? panel : loops.tile, outermost = s.c_block ? block : panel;
  // A tile of the kernel's output takes the sums of all multipliers: by Halide's bounds, an output channel may have any
  // of them.
  const bool all_multipliers = !loops.scratch && p.depth_multiplier > 1;
  if (all_multipliers) nest.insert(nest.begin() + 2, loops.m);
  for (const Var& loop : {loops.tile, loops.y}) nest.push_back(loop);
  if (!all_multipliers) nest.push_back(loops.m);
  nest.push_back(outermost);
  nest.insert(nest.end(), loops.outer.begin(), loops.outer.end());
  out.reorder(nest).vectorize(nhwc ? c : loops.x, vector).unroll(c).unroll(loops.x);

  // The sums of a tile stay in registers over all taps.
  stage.sum.compute_at(out, innermost).store_in(Halide::MemoryType::Register).bound_extent(c, s.c_tile);
  if (p.is_dynamic()) stage.sum.bound_extent(loops.x, s.ow_tile);
  stage.sum.vectorize(nhwc ? c : loops.x, vector).unroll(c).unroll(loops.x);
  std::vector<VarOrRVar> sum_nest = order(c, loops.x);
  if (all_multipliers) {
    sum_nest.push_back(loops.m);
    // An epilogue of many multipliers would take minutes to compile if it were unrolled too. LLVM keeps the sums of a
    // loop over the taps in registers all the same where they fit.
    constexpr int kUnrolledInEpilogue = 2;
    if (p.depth_multiplier <= kUnrolledInEpilogue)
      out.unroll(loops.m);
    else
      stage.sum.store_in(Halide::MemoryType::Stack);
    const int sums = s.c_tile * s.ow_tile / vector * p.depth_multiplier;
    if (sums <= p.target.registers) stage.sum.unroll(loops.m).update().unroll(loops.m);
  }
  sum_nest.push_back(stage.tap.x);
  sum_nest.push_back(stage.tap.y);
  stage.sum.update().reorder(sum_nest).vectorize(nhwc ? c : loops.x, vector).unroll(c).unroll(loops.x);

  constexpr int kUnrolledTaps = 7;
  if (s.k_unroll > 1)
    stage.sum.update().unroll(stage.tap.x, s.k_unroll);
  else if (s.k_unroll == 0 && p.window.KW <= kUnrolledTaps)
    stage.sum.update().unroll(stage.tap.x);

  if (s.pad_tile) schedule_input_tile(padded, out, outermost, p, s, loops.extents);
}

}  // namespace sepconv::generators
