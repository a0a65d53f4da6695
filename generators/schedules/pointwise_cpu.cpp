#include "generators/schedules/pointwise_cpu.h"

#include "generators/schedules/block_cpu.h"
#include "generators/spec/rule_policy.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_pointwise_cpu(Func out, PointwiseStage& stage, const Lowering& p, const PointwiseCpuSchedule& s,
                            const Pixels& pixels, const Var& f, const Var& tile, const std::vector<Var>& outer) {
  const bool vectors_f = s.vector_f, transposes = stage.result.defined();
  const int vector = vector_elems(vectors_f ? s.nr : s.mr, p.target);
  const Var pixel = pixels.vars.front(), vectors = vectors_f ? f : pixel;
  Var panel("f_panel");
  // Packed weights are zero filled to the panel, so only the stores of the last panel need a guard.
  out.split(f, panel, f, s.nr, p.OC % s.nr == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf);
  const auto tile_order = [&](bool f_first) {
    return f_first ? std::vector<VarOrRVar>{f, pixel} : std::vector<VarOrRVar>{pixel, f};
  };
  std::vector<VarOrRVar> nest = tile_order(vectors_f && !transposes);
  nest.push_back(tile);
  if (!pixels.flat) nest.push_back(pixels.y);
  nest.push_back(panel);
  nest.insert(nest.end(), outer.begin(), outer.end());
  const auto whole_tile = [&](Func func, int along) {
    // Extents that are not the split's own are not known to be the tile's.
    if (p.is_dynamic() || pixels.flat) func.bound_extent(pixel, s.mr);
    func.compute_at(out, tile).bound_extent(f, s.nr).vectorize(vectors, along).unroll(f).unroll(pixel);
  };
  out.reorder(nest);
  if (transposes) {
    // The loop over f is not unrolled, which keeps the result in memory: where it is stored from registers, LLVM
    // shuffles the sums inside of the reduction and spills them.
    stage.result.store_in(Halide::MemoryType::Stack);
    stage.sum.reorder_storage(f, pixel);
    // Squares of four pixels and channels become shuffles and dense stores.
    constexpr int kSquare = 4;
    if (s.mr == kSquare && vector >= kSquare) {
      whole_tile(stage.result, kSquare);
      stage.result.reorder(pixel, f).reorder_storage(pixel, f).bound_storage(pixel, s.mr);
      out.vectorize(pixel, s.mr);
    } else {
      whole_tile(stage.result, vector);
      out.unroll(pixel);
    }
  } else {
    out.vectorize(vectors, vector).unroll(f).unroll(pixel);
  }
  whole_tile(stage.sum.store_in(Halide::MemoryType::Register), vector);
  RVar ko("k_outer"), ku("k_unrolled");
  std::vector<VarOrRVar> sum_nest = tile_order(vectors_f);
  for (const RVar& loop : {ku, ko, RVar(stage.k.y)}) sum_nest.push_back(loop);
  stage.sum.update()
      .split(stage.k.x, ko, ku, s.k_unroll, TailStrategy::GuardWithIf)
      .reorder(sum_nest)
      .vectorize(vectors, vector)
      .unroll(f)
      .unroll(pixel)
      .unroll(ku);
  // A loop over taps of few channels would cost more than their sums.
  constexpr int kUnrolledTaps = 7;
  if (p.family == KernelFamily::conv && p.IC <= kStemChannels && p.window.KW <= kUnrolledTaps)
    stage.sum.update().unroll(stage.k.y, p.window.KW);
}

}  // namespace sepconv::generators
