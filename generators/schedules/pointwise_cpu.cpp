#include "pointwise_cpu.h"

#include "block_cpu.h"

namespace sepconv {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_pointwise_cpu(Func out, PointwiseStage& stage, const ConvProblem& p, const CpuSchedule& schedule,
                            const Target& target, const Pixels& pixels, const Var& f, const std::vector<Var>& outer) {
  const PointwiseCpuSchedule& s = *schedule.pointwise;
  const bool nhwc = p.layout == Layout::nhwc;
  const int vector = vector_elems(nhwc ? s.nr : s.mr, target);
  const int block_pixels = pixels.flat ? schedule.block.oh_block * p.OW() : schedule.block.ow_block;
  const Var pixel = pixels.flat ? pixels.q : pixels.x;
  Var fo("f_panel"), po("pixel_tile");
  // Packed weights are zero filled to the panel, so only the stores of the last panel need a guard.
  const TailStrategy f_tail = p.OC % s.nr == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf;
  out.split(f, fo, f, s.nr, f_tail).split(pixel, po, pixel, s.mr, tile_tail(block_pixels, s.mr));
  std::vector<VarOrRVar> order = nhwc ? std::vector<VarOrRVar>{f, pixel, po} : std::vector<VarOrRVar>{pixel, f, po};
  if (!pixels.flat) order.push_back(pixels.y);
  order.push_back(fo);
  order.insert(order.end(), outer.begin(), outer.end());
  out.reorder(order).vectorize(nhwc ? f : pixel, vector).unroll(f).unroll(pixel);

  stage.sum.compute_at(out, po)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(f, s.nr)
      .vectorize(nhwc ? f : pixel, vector)
      .unroll(f)
      .unroll(pixel);
  RVar ko("k_outer"), ku("k_unrolled");
  stage.sum.update()
      .split(stage.k.x, ko, ku, s.k_unroll, TailStrategy::GuardWithIf)
      .reorder(nhwc ? std::vector<VarOrRVar>{f, pixel, ku, ko, stage.k.y}
                    : std::vector<VarOrRVar>{pixel, f, ku, ko, stage.k.y})
      .vectorize(nhwc ? f : pixel, vector)
      .unroll(f)
      .unroll(pixel)
      .unroll(ku);
}

}  // namespace sepconv
