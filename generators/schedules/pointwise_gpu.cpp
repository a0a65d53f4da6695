#include "generators/schedules/pointwise_gpu.h"

namespace sepconv::generators {

using Halide::Func;
using Halide::MemoryType;
using Halide::RVar;
using Halide::TailStrategy;
using Halide::Var;

namespace {

// The loops over the steps of the reduction, by name: two functions schedule into them.
const RVar& step_loop() {
  static const RVar loop("k_step");
  return loop;
}
const RVar& inner_loop() {
  static const RVar loop("k_inner");
  return loop;
}

}  // namespace

void schedule_pointwise_gpu(Func out, PointwiseStage& stage, const Lowering& p, const GpuSchedule& s,
                            const PointwiseGpuLoops& loops) {
  stage.sum.compute_at(out, loops.tile.f_block)
      .store_in(MemoryType::Register)
      .bound_extent(loops.f, s.block_f())
      .bound_extent(loops.q, s.block_q());
  schedule_tile_gpu(stage.sum, p.layout, s, loops.f, loops.q, loops.tile);
  stage.sum.update().split(stage.k.x, step_loop(), inner_loop(), s.k_step, TailStrategy::GuardWithIf);
  schedule_tile_gpu(stage.sum.update(), p.layout, s, loops.f, loops.q, loops.tile, {inner_loop()},
                    {step_loop(), RVar(stage.k.y)});
  // Enough to hide the latency of shared memory; a whole step would not fit the instruction cache.
  constexpr int kUnrolled = 4;
  if (s.k_step % kUnrolled == 0 && p.IC % s.k_step == 0) stage.sum.update().unroll(inner_loop(), kUnrolled);
}

Var schedule_staging_gpu(Func middle, Func unpacked, PointwiseStage& stage, const Lowering& p, const GpuSchedule& s,
                         const Var& c, const Var& q) {
  const bool nhwc = p.layout == Layout::nhwc;
  for (Func func : {middle, unpacked}) func.compute_at(stage.sum, step_loop()).store_in(MemoryType::GPUShared);
  const auto weight_args = unpacked.args();
  schedule_flat_gpu(unpacked, p.layout, s, weight_args[0], s.block_f(), weight_args[1], s.k_step,
                    gpu_vector(s.block_f(), 4));
  unpacked.align_storage(weight_args[0], kSharedVector);
  middle.reorder_storage(q, c).align_storage(q, shared_pitch(s, p.layout));
  return nhwc ? schedule_flat_gpu(middle, p.layout, s, c, s.k_step, q, s.block_q(), gpu_vector(s.k_step, p.IC))
              : schedule_flat_gpu(middle, p.layout, s, q, s.block_q(), c, s.k_step, 1);
}

}  // namespace sepconv::generators
