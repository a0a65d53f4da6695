#include "generators/schedules/input_cpu.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

void schedule_input_block(const PaddedInput& input, const Func& out, const Var& block, const Lowering& p,
                          const BlockExtents& extents) {
  const bool nhwc = p.layout == Layout::nhwc;
  Func padded = input.func;
  const auto args = padded.args();
  const Var c = args[nhwc ? 0 : args.size() - 2], x = args[nhwc ? 1 : 0], y = args[nhwc ? 2 : 1];
  const int width = (extents.columns - 1) * p.window.stride_w + p.window.KW_eff();
  padded.compute_at(out, block).bound_storage(y, (extents.rows - 1) * p.window.stride_h + p.window.KH_eff());
  if (nhwc) {
    padded.bound_storage(x, width);
    const int vector = vector_below(p.IC, p.target);
    if (vector > 1) padded.vectorize(c, vector, tile_tail(p.IC, vector));
    if (p.IC <= p.target.lanes) padded.unroll(c);
  } else {
    padded.bound_storage(x, round_up(width, p.target.lanes)).vectorize(x, p.target.lanes, TailStrategy::RoundUp);
  }
}

}  // namespace sepconv::generators
