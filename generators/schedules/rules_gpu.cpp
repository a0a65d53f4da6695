// The rule that picks a GPU schedule.

#include <algorithm>
#include <stdexcept>

#include "generators/spec/gpu_estimate.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/spec/schedule.h"

namespace sepconv::generators {
namespace {

/// Times the least that the problem could take: on a server's GPU with large batches, and on an embedded one with
/// single images.
double cost(const GpuSchedule& s, const Lowering& p) {
  const auto times_least = [&](const GpuFigures& gpu, int batch) {
    const GpuEstimate e = estimate_gpu(s, p, batch, p.target.registers, gpu);
    return e.seconds / e.roofline_seconds;
  };
  return times_least(known_gpus()[0], 16) + times_least(known_gpus()[1], 1);
}

/// Input channels of a step: 16, or a divisor near it; more where the weights of a step are few and the threads many,
/// since what a thread puts into shared memory passes through its registers.
int step_channels(const GpuSchedule& s, int IC) {
  if (IC % 32 == 0 && s.block_f() <= 64 && s.threads() > 128) return 32;
  for (int step : {16, 28, 24, 20, 12, 8, 14, 10, 7, 6, 5})  // vectors of four first
    if (IC % step == 0) return step;
  return std::min(16, IC);
}

/// Calls consider(schedule) for the tiles of a pointwise stage, the preferred ones among equals first.
template <class F>
void each_tiling(const Lowering& p, F&& consider) {
  const bool nhwc = p.layout == Layout::nhwc;
  const int pixels = p.OH() * p.OW(), dense = nhwc ? p.OC : pixels, sparse = nhwc ? pixels : p.OC;
  GpuSchedule s;
  int &dense_threads = nhwc ? s.threads_f : s.threads_q, &sparse_threads = nhwc ? s.threads_q : s.threads_f;
  int &dense_tile = nhwc ? s.tile_f : s.tile_q, &sparse_tile = nhwc ? s.tile_q : s.tile_f;
  dense_tile = gpu_vector(4, dense);
  const int most_dense = power_of_two_from(ceil_div(dense, dense_tile));
  // Images of 7, 14, 28 and 56 pixels a side are many: tiles that divide them waste nothing.
  for (const int threads : {256, 224, 128, 112})
    for (const int x : {32, 16, 8})
      for (const int tile : {8, 4, 2, 1})
        for (const bool fuse : {true, false}) {
          if (!fuse && p.family != KernelFamily::separable) continue;
          s.fuse = fuse;
          dense_threads = std::min(x, most_dense);
          sparse_threads = std::min(threads / dense_threads, power_of_two_from(sparse));
          sparse_tile = std::min(tile, power_of_two_from(ceil_div(sparse, sparse_threads)));
          s.k_step = step_channels(s, p.IC);
          consider(s);
        }
}

}  // namespace

GpuSchedule default_gpu_schedule(const Lowering& p) {
  GpuSchedule best = p.reduces_lines() ? line_tiles(p) : depthwise_tiles(p);
  if (p.has_pointwise() && !p.is_dynamic()) {
    double least = 0;
    each_tiling(p, [&](const GpuSchedule& s) {
      if (reject_reason(s, p)) return;
      const double sum = cost(s, p);
      if (least == 0 || sum < least) best = s, least = sum;
    });
  }
  if (const auto reason = reject_reason(best, p)) throw std::invalid_argument(*reason);
  return best;
}

}  // namespace sepconv::generators
