#include "gpu_estimate.h"

#include <algorithm>

#include "schedule.h"

namespace sepconv {
namespace {}  // namespace

const std::vector<GpuFigures>& known_gpus() {
  static const std::vector<GpuFigures> gpus = {
      {.name = "H100 SXM",
       .multiprocessors = 132,
       .flops = 66.9e12,
       .dram_bytes = 3.35e12,
       .l2_bytes = 5.5e12,
       .threads = 2048,
       .shared_bytes = 228 << 10},
      {.name = "Jetson AGX Orin",
       .multiprocessors = 16,
       .flops = 5.3e12,
       .dram_bytes = 204.8e9,
       .l2_bytes = 1.3e12,
       .threads = 1536,
       .shared_bytes = 164 << 10},
  };
  return gpus;
}

GpuEstimate estimate_gpu(const GpuSchedule& s, const ConvProblem& problem, std::int64_t batch, int registers,
                         const GpuFigures& gpu) {
  const ConvProblem p = as_scheduled(problem);
  GpuEstimate e;
  const double element = static_cast<double>(size_bytes(p.dtype)), weight = 4;
  const double pixels = double(p.OH()) * p.OW() * double(batch);
  const double middle = pixels * p.middle_channels(), outputs = pixels * p.OC;
  const double depthwise = p.has_depthwise() ? 2.0 * p.KH * p.KW * middle : 0;
  const double pointwise = p.has_pointwise() ? 2.0 * p.middle_channels() * outputs : 0;
  const std::int64_t f_blocks = ceil_div(p.OC, s.block_f()),
                     q_blocks = ceil_div(std::int64_t{p.OH()} * p.OW(), s.block_q());
  const double repeats = p.has_pointwise() ? double(f_blocks) : 1;
  e.blocks = f_blocks * q_blocks * batch;
  e.flops = depthwise * repeats + pointwise;

  const double input = double(p.IH) * p.IW * p.IC * double(batch) * element, output = outputs * element;
  const double filter = p.has_depthwise() ? weight * p.KH * p.KW * p.middle_channels() : 0;
  const double weights = p.has_pointwise() ? weight * p.middle_channels() * p.OC : 0;
  e.dram_bytes = input + output + filter + weights;
  // A block's share of the input is that of its pixels and a halo; each element of it comes from L2 once.
  const double halo = double(std::max(0, p.KH_eff() - p.stride_h)) * p.IW * p.IC * element;
  e.l2_bytes =
      repeats * (input + halo * double(q_blocks * batch)) + output + double(q_blocks * batch) * (filter + weights);

  const int threads = s.threads();
  std::int64_t resident =
      std::min<std::int64_t>(gpu.threads / threads, gpu.registers / (std::int64_t{registers} * threads));
  if (const std::int64_t shared = shared_bytes(s, p); shared > 0)
    resident = std::min(resident, gpu.shared_bytes / shared);
  e.resident_blocks = static_cast<int>(std::max<std::int64_t>(resident, 1));
  e.occupancy = double(e.resident_blocks) * threads / gpu.threads;
  const double rounds = double(ceil_div(e.blocks, gpu.multiprocessors));
  const double busy = double(e.blocks) / (rounds * gpu.multiprocessors);
  e.seconds = std::max({e.flops / (gpu.flops * busy), e.dram_bytes / gpu.dram_bytes, e.l2_bytes / gpu.l2_bytes});
  e.roofline_seconds = std::max((depthwise + pointwise) / gpu.flops, e.dram_bytes / gpu.dram_bytes);
  return e;
}

}  // namespace sepconv
