#include "generators/schedules/pixels_cpu.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::Var;
using Halide::VarOrRVar;

void schedule_pixels_cpu(Func out, const Lowering& p, const DepthwiseCpuSchedule& s, const Pixels& pixels, const Var& c,
                         const Var& n, const BlockLoops& blocks) {
  const bool nhwc = p.layout == Layout::nhwc;
  const Var& x = pixels.x;
  Var panel("c_panel");
  out.split(c, panel, c, s.c_tile, tile_tail(p.IC, s.c_tile));
  std::vector<VarOrRVar> nest = nhwc ? std::vector<VarOrRVar>{c, x} : std::vector<VarOrRVar>{x, c};
  for (const Var& loop : {panel, blocks.tile, pixels.y}) nest.push_back(loop);
  nest.insert(nest.end(), blocks.blocks.begin(), blocks.blocks.end());
  nest.push_back(n);
  out.reorder(nest).vectorize(nhwc ? c : x, vector_elems(nhwc ? s.c_tile : s.ow_tile, p.target)).unroll(c).unroll(x);
}

}  // namespace sepconv::generators
