// The rule that picks a GPU schedule.

#include <algorithm>
#include <stdexcept>

#include "spec/gpu_schedule.h"
#include "spec/schedule.h"

namespace sepconv {
GpuSchedule default_gpu_schedule(const ConvProblem& problem, const Target& target) {
  const ConvProblem p = as_scheduled(problem);
  GpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc;
  const int pixels = p.is_dynamic() ? 1 : p.OH() * p.OW();
  // The axis that is dense in memory gets the threads of a warp, four elements each where that many divide it.
  const int dense = nhwc ? p.OC : pixels, sparse = nhwc ? pixels : p.OC;
  int &dense_threads = nhwc ? s.threads_f : s.threads_q, &sparse_threads = nhwc ? s.threads_q : s.threads_f;
  int &dense_tile = nhwc ? s.tile_f : s.tile_q, &sparse_tile = nhwc ? s.tile_q : s.tile_f;
  dense_tile = gpu_vector(4, dense);
  if (nhwc && !p.has_pointwise() && p.depth_multiplier != 1) dense_tile = 1;
  dense_threads = std::min(32, power_of_two_from(ceil_div(dense, dense_tile)));
  if (!p.has_pointwise()) {
    s.k_step = 0;
    // No operand is shared between a thread's channels and another's: few pixels a thread, many threads.
    sparse_threads = std::min(128 / dense_threads, power_of_two_from(sparse));
    sparse_tile = nhwc && sparse > 512 ? 2 : 1;
  } else {
    sparse_threads = std::min(256 / dense_threads, power_of_two_from(sparse));
    sparse_tile = std::clamp(power_of_two_from(ceil_div(sparse, sparse_threads)), 1, 8);
    // Small images: rather more blocks with fewer sums each than idle multiprocessors.
    constexpr int kFewBlocks = 64;
    const auto blocks = [&] { return ceil_div(p.OC, s.block_f()) * ceil_div(pixels, s.block_q()); };
    while (sparse_tile > 4 && blocks() < kFewBlocks) sparse_tile /= 2;
    s.k_step = std::min(16, p.IC);
    if (p.IC % s.k_step != 0)
      for (int step : {14, 12, 10, 8, 7, 6, 5})
        if (p.IC % step == 0) {
          s.k_step = step;
          break;
        }
    if (p.IC % 32 == 0 && s.block_f() <= 64) s.k_step = 32;
    while (shared_bytes(s, p) > target.l1_bytes && sparse_tile > 1) sparse_tile /= 2;
  }
  if (const auto reason = reject_reason(s, p, target)) throw std::invalid_argument(*reason);
  return s;
}

}  // namespace sepconv
