#include "generators/schedules/depthwise_gpu.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::MemoryType;
using Halide::Var;
using Halide::VarOrRVar;

namespace {

/// All the sums of a thread, tap by tap: a tap's weights are then read once for all its pixels.
/// @param dense, sparse  sums along the stage's first and second axis
/// @param unrolled       most taps whose code stands side by side: their loads are then all in flight
void schedule_taps(Func consumer, const Var& at, DepthwiseStage& stage, const Lowering& p, int dense, int sparse,
                   int unrolled) {
  const auto args = stage.sum.args();
  stage.sum.compute_at(consumer, at).store_in(MemoryType::Register);
  // Halide infers the extent of a single element; a stated bound would add a run-time check.
  if (dense > 1) stage.sum.bound_extent(args[0], dense);
  if (sparse > 1) stage.sum.bound_extent(args[1], sparse);
  const int vector = gpu_vector(dense, dense);
  std::vector<VarOrRVar> nest(args.begin(), args.end());
  nest.insert(nest.begin() + 2, {stage.tap.x, stage.tap.y});
  stage.sum.vectorize(args[0], vector).unroll(args[0]).unroll(args[1]);
  stage.sum.update().reorder(nest).vectorize(args[0], vector).unroll(args[0]).unroll(args[1]);
  if (p.window.KW <= unrolled) stage.sum.update().unroll(stage.tap.x);
  if (p.window.KH * p.window.KW <= unrolled) stage.sum.update().unroll(stage.tap.y);
}

}  // namespace

void schedule_depthwise_gpu(Func out, const Var& at, DepthwiseStage& stage, const Lowering& p, const GpuSchedule& s) {
  const bool nhwc = p.layout == Layout::nhwc;
  schedule_taps(out, at, stage, p, nhwc ? s.tile_f : s.tile_q, nhwc ? s.tile_q : s.tile_f,
                s.tile_f * s.tile_q > 8 ? 9 : 25);
}

void schedule_staged_depthwise_gpu(Func middle, const Var& item, DepthwiseStage& stage, const Lowering& p,
                                   const GpuSchedule& s) {
  schedule_taps(middle, item, stage, p, p.layout == Layout::nhwc ? gpu_vector(s.k_step, p.IC) : 1, 1,
                9);  // beside the sums of a tile
}

}  // namespace sepconv::generators
