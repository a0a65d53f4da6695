#include "generators/schedules/dense_cpu.h"

namespace sepconv::generators {

using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

Var schedule_dense_cpu(Halide::Func dense, const Lowering& p, int c_tile, const Pixels& rows, const DenseLoops& loops) {
  const bool nhwc = p.layout == Layout::nhwc;
  Var panel("dense_panel");
  dense.split(loops.c, panel, loops.c, c_tile, scratch_tail(p.IC, c_tile));
  std::vector<VarOrRVar> nest =
      nhwc ? std::vector<VarOrRVar>{loops.c, rows.x} : std::vector<VarOrRVar>{rows.x, loops.c};
  for (const Var& loop : {rows.y, loops.m, panel}) nest.push_back(loop);
  nest.insert(nest.end(), loops.outer.begin(), loops.outer.end());
  dense.reorder(nest);
  if (nhwc)
    dense.vectorize(loops.c, vector_elems(c_tile, p.target)).unroll(loops.c);
  else
    dense.vectorize(rows.x, vector_below(p.OW(), p.target), TailStrategy::ShiftInwards);
  return panel;
}

}  // namespace sepconv::generators
