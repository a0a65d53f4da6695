#include "generators/schedules/lines_gpu.h"

namespace sepconv::generators {
namespace {

using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;
using Halide::VarOrRVar;

/// The block's part of a Func, for its threads.
void place(Func out, Func func, const GpuSchedule& s, const LineLoops& loops) {
  const Halide::LoopLevel level(out, loops.block);
  func.compute_at(level).store_in(Halide::MemoryType::GPUShared).bound_extent(loops.q, s.threads_q);
}

/// @param lane   the loop over a line's elements
/// @param inner  loops of each thread
void share(Halide::Stage stage, const VarOrRVar& lane, const LineLoops& loops, std::vector<VarOrRVar> inner = {}) {
  const VarOrRVar x = loops.dense_line ? lane : VarOrRVar(loops.q), y = loops.dense_line ? VarOrRVar(loops.q) : lane;
  inner.insert(inner.end(), {x, y});
  stage.reorder(inner).gpu_threads(x, y);
}

}  // namespace

LineLoops schedule_line_output_gpu(Halide::Stage out, bool dense_line, const GpuSchedule& s, const Var& f,
                                   const VarOrRVar& q, const Var& q_var, const Var& n) {
  const Var f_step("f_step"), f_thread("f_thread");
  const VarOrRVar block("q_block", q.is_rvar), q_thread("q_thread", q.is_rvar);
  out.split(f, f_step, f_thread, s.threads_f, TailStrategy::GuardWithIf)
      .split(q, block, q_thread, s.threads_q, TailStrategy::GuardWithIf);
  const VarOrRVar x = dense_line ? VarOrRVar(f_thread) : q_thread, y = dense_line ? q_thread : VarOrRVar(f_thread);
  out.reorder({f_step, x, y, block, n}).gpu_blocks(block, n).gpu_threads(x, y);
  return {dense_line, block, q_var};
}

void schedule_reduction_gpu(Func out, ChannelReduction& reduction, const GpuSchedule& s, const LineLoops& loops) {
  const auto lane_of = [&](const Func& func) { return func.args()[loops.dense_line ? 0 : 1]; };
  Func& lanes = reduction.lanes;
  place(out, lanes, s, loops);
  lanes.bound_extent(lane_of(lanes), s.threads_f);
  share(lanes, lane_of(lanes), loops);
  share(lanes.update(0), lane_of(lanes), loops, {reduction.blocks.x});
  for (std::size_t i = 0; i < reduction.rest.size(); ++i)
    share(lanes.update(static_cast<int>(i) + 1), Halide::RVar(reduction.rest[i].x), loops);
  for (Func& half : reduction.halves) {
    place(out, half, s, loops);
    share(half, lane_of(half), loops);
  }
}

void schedule_line_value_gpu(Func out, Func value, const GpuSchedule& s, const LineLoops& loops) {
  place(out, value, s, loops);
  value.gpu_threads(loops.q);
}

}  // namespace sepconv::generators
