#include "dense_cpu.h"

#include "block_cpu.h"

namespace sepconv {

void schedule_dense_cpu(Halide::Func dense, const ConvProblem& p, const BlockCpuSchedule& s, const Target& target,
                        const Pixels& flat, const Pixels& rows) {
  const BlockExtents extents = block_extents(p, s, 1);
  dense.bound_storage(flat.q, extents.columns * extents.rows)
      .split(flat.q, rows.y, rows.x, p.OW(), Halide::TailStrategy::RoundUp)
      .vectorize(rows.x, vector_elems(p.OW(), target), Halide::TailStrategy::RoundUp);
}

}  // namespace sepconv
