#include "generators/spec/gpu_estimate.h"

#include <algorithm>

#include "generators/spec/schedule.h"

namespace sepconv::generators {
namespace {

constexpr double kSum = 4;  // bytes of a sum, and of a packed weight
constexpr int kWarp = 32;
constexpr double kRow = 128;  // bytes that shared memory gives a warp at once

/// What one kernel does.
struct Work {
  std::int64_t blocks = 0;
  double flops = 0, dram_bytes = 0, l2_bytes = 0, l1_bytes = 0;
};

double seconds(const Work& work, const GpuFigures& gpu) {
  const double rounds = double(ceil_div(work.blocks, gpu.multiprocessors));
  const double busy = double(work.blocks) / (rounds * gpu.multiprocessors);
  return std::max({work.flops / (gpu.flops * busy), work.l1_bytes / (gpu.l1_bytes * busy),
                   work.dram_bytes / gpu.dram_bytes, work.l2_bytes / gpu.l2_bytes});
}

/// Bytes of the depthwise input that `pixels` consecutive output pixels need.
double input_share(const Lowering& p, int pixels) {
  const int rows = ceil_div(pixels, p.OW()), columns = std::min(pixels, p.OW());
  return double(std::min(p.IH, (rows - 1) * p.window.stride_h + p.window.KH_eff())) *
         std::min(p.IW, (columns - 1) * p.window.stride_w + p.window.KW_eff()) * p.IC * double(size_bytes(p.dtype));
}

double filter_bytes(const Lowering& p) { return kSum * p.window.KH * p.window.KW * p.middle_channels(); }

/// Of each depthwise result: a multiply-add a tap, and its loads through L1; the filter's once for `pixels` of a
/// thread.
double tap_flops(const Lowering& p) { return 2.0 * p.window.KH * p.window.KW; }
double tap_bytes(const Lowering& p, int pixels) {
  return double(p.window.KH) * p.window.KW * (double(size_bytes(p.dtype)) + kSum / pixels);
}

/// Bytes that a warp takes from shared memory to give each thread its `tile` elements, where `lanes` of its threads
/// have elements of their own.
double operand_bytes(int tile, int lanes) {
  const int vector = gpu_vector(tile, tile);
  return double(tile) / vector * ceil_div(std::int64_t{4} * vector * lanes, std::int64_t(kRow)) * kRow;
}

/// The depthwise stage as a kernel of its own.
/// @param stored  bytes of an element of its result
Work depthwise_work(const GpuSchedule& s, const Lowering& p, std::int64_t batch, int channels, double stored) {
  const std::int64_t f_blocks = ceil_div(channels, s.block_f()),
                     q_blocks = ceil_div(std::int64_t{p.OH()} * p.OW(), s.block_q());
  Work work;
  work.blocks = f_blocks * q_blocks * batch;
  const double results = double(work.blocks) * s.block_f() * s.block_q() * (double(p.middle_channels()) / channels);
  const double output = double(p.OH()) * p.OW() * p.middle_channels() * double(batch) * stored;
  const double input = double(p.IH) * p.IW * p.IC * double(batch) * double(size_bytes(p.dtype));
  work.flops = results * tap_flops(p);
  work.dram_bytes = input + filter_bytes(p) + output;
  work.l2_bytes = double(q_blocks * batch) * (input_share(p, s.block_q()) + filter_bytes(p)) + output;
  work.l1_bytes = results * (tap_bytes(p, p.layout == Layout::nhwc ? s.tile_q : s.tile_f) + stored);
  return work;
}

/// The kernel that has the pointwise stage.
/// @param fused  it makes the depthwise results that it reads
Work pointwise_work(const GpuSchedule& s, const Lowering& p, std::int64_t batch, bool fused) {
  const double element = double(size_bytes(p.dtype)), pixels = double(p.OH()) * p.OW() * double(batch);
  const std::int64_t f_blocks = ceil_div(p.OC, s.block_f()),
                     q_blocks = ceil_div(std::int64_t{p.OH()} * p.OW(), s.block_q());
  const double K = p.middle_channels();
  Work work;
  work.blocks = f_blocks * q_blocks * batch;
  const double results = double(work.blocks) * s.block_q() * K;  // that blocks put into shared memory
  const double weights = kSum * K * p.OC, output = pixels * p.OC * element;
  const bool reads_input = fused || p.family == KernelFamily::conv;  // the taps of a conv come through L2
  const double input = reads_input ? double(p.IH) * p.IW * p.IC * double(batch) * element : pixels * K * element;
  const double share = fused ? input_share(p, s.block_q()) : s.block_q() * K * element;
  const double filter = fused ? filter_bytes(p) : 0;
  work.flops = 2.0 * double(work.blocks) * s.block_f() * s.block_q() * K + (fused ? results * tap_flops(p) : 0);
  work.dram_bytes = input + filter + weights + output;
  work.l2_bytes = double(work.blocks) * (share + filter) + double(q_blocks * batch) * weights + output;
  const int threads_x = p.layout == Layout::nhwc ? s.threads_f : s.threads_q;
  const int lanes_x = std::min(threads_x, kWarp), lanes_y = std::max(1, kWarp / lanes_x);
  const double operands = p.layout == Layout::nhwc
                              ? operand_bytes(s.tile_f, lanes_x) + operand_bytes(s.tile_q, lanes_y)
                              : operand_bytes(s.tile_q, lanes_x) + operand_bytes(s.tile_f, lanes_y);
  work.l1_bytes = double(work.blocks) * K * ceil_div(s.threads(), kWarp) * operands +
                  results * (kSum + (fused ? tap_bytes(p, 1) : element)) +
                  double(work.blocks) * s.block_f() * K * 2 * kSum + output;
  return work;
}

}  // namespace

const std::vector<GpuFigures>& known_gpus() {
  static const std::vector<GpuFigures> gpus = {
      {.name = "H100 SXM",
       .multiprocessors = 132,
       .flops = 66.9e12,
       .dram_bytes = 3.35e12,
       .l2_bytes = 5.5e12,
       .l1_bytes = 33.4e12,
       .threads = 2048,
       .shared_bytes = 228 << 10},
      {.name = "Jetson AGX Orin",
       .multiprocessors = 16,
       .flops = 5.3e12,
       .dram_bytes = 204.8e9,
       .l2_bytes = 1.3e12,
       .l1_bytes = 2.66e12,
       .threads = 1536,
       .shared_bytes = 164 << 10},
  };
  return gpus;
}

GpuEstimate estimate_gpu(const GpuSchedule& s, const Lowering& p, std::int64_t batch, int registers,
                         const GpuFigures& gpu) {
  const double element = double(size_bytes(p.dtype)), pixels = double(p.OH()) * p.OW() * double(batch);
  const bool fused = p.has_depthwise() && s.fuse;
  std::vector<Work> kernels;
  if (!p.has_pointwise())
    kernels = {depthwise_work(s, p, batch, p.OC, element)};
  else if (p.has_depthwise() && !s.fuse)
    kernels = {depthwise_work(depthwise_tiles(p), p, batch, p.IC, element), pointwise_work(s, p, batch, false)};
  else
    kernels = {pointwise_work(s, p, batch, fused)};

  GpuEstimate e;
  e.blocks = kernels.back().blocks;
  e.seconds = gpu.launch_seconds * double(kernels.size() - 1);
  for (const Work& work : kernels) {
    e.flops += work.flops, e.dram_bytes += work.dram_bytes;
    e.l2_bytes += work.l2_bytes, e.l1_bytes += work.l1_bytes;
    e.seconds += seconds(work, gpu);
  }

  const int threads = s.threads();
  std::int64_t resident =
      std::min<std::int64_t>(gpu.threads / threads, gpu.registers / (std::int64_t{registers} * threads));
  if (const std::int64_t shared = shared_bytes(s, p); shared > 0)
    resident = std::min(resident, gpu.shared_bytes / shared);
  e.resident_blocks = static_cast<int>(std::max<std::int64_t>(resident, 1));
  e.occupancy = double(e.resident_blocks) * threads / gpu.threads;

  const double least_flops = (p.has_depthwise() ? pixels * p.middle_channels() * tap_flops(p) : 0) +
                             (p.has_pointwise() ? 2.0 * pixels * p.middle_channels() * p.OC : 0);
  const double least_bytes = (double(p.IH) * p.IW * p.IC * double(batch) + pixels * p.OC) * element +
                             (p.has_depthwise() ? filter_bytes(p) : 0) +
                             (p.has_pointwise() ? kSum * p.middle_channels() * p.OC : 0);
  e.roofline_seconds = std::max(least_flops / gpu.flops, least_bytes / gpu.dram_bytes);
  return e;
}

}  // namespace sepconv::generators
