#include "pointwise_cpu.h"

#include "block_cpu.h"

namespace sepconv {

using Halide::Func;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_pointwise_cpu(Func out, PointwiseStage& stage, const ConvProblem& p, const PointwiseCpuSchedule& s,
                            const Target& target, const Pixels& pixels, const Var& f, const Var& tile,
                            const std::vector<Var>& outer) {
  const bool nhwc = p.layout == Layout::nhwc;
  const int vector = vector_elems(nhwc ? s.nr : s.mr, target);
  const Var pixel = pixels.flat ? pixels.q : pixels.x;
  Var panel("f_panel");
  // Packed weights are zero filled to the panel, so only the stores of the last panel need a guard.
  out.split(f, panel, f, s.nr, p.OC % s.nr == 0 ? TailStrategy::RoundUp : TailStrategy::GuardWithIf);
  std::vector<VarOrRVar> nest = nhwc ? std::vector<VarOrRVar>{f, pixel, tile} : std::vector<VarOrRVar>{pixel, f, tile};
  if (!pixels.flat) nest.push_back(pixels.y);
  nest.push_back(panel);
  nest.insert(nest.end(), outer.begin(), outer.end());
  out.reorder(nest).vectorize(nhwc ? f : pixel, vector).unroll(f).unroll(pixel);

  if (p.is_dynamic() || pixels.flat) stage.sum.bound_extent(pixel, s.mr);
  stage.sum.compute_at(out, tile)
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
