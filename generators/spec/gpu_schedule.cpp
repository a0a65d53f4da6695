#include "generators/spec/gpu_schedule.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "generators/spec/schedule_fields.h"

namespace sepconv::generators {
namespace {

/// Problems that GPU kernels are not made for.
std::optional<std::string> unsupported(const Lowering& p) {
  if (p.is_dynamic()) return "a GPU kernel needs static extents; leave out --dynamic, or name a CPU target";
  if (p.dtype == DataType::float64) return "GPU kernels compute float32, float16 and bfloat16; name a CPU target";
  if (p.family == KernelFamily::axis && p.along.kind == ActivationKind::sparsemax)
    return "there is no GPU kernel of sparsemax; end the network before it with --to LAYER, or name a CPU target";
  return std::nullopt;
}

}  // namespace

int gpu_vector(int tile, int extent) {
  for (int vector : {4, 2})
    if (tile % vector == 0 && extent % vector == 0) return vector;
  return 1;
}

int shared_pitch(const GpuSchedule& s, Layout layout) {
  return round_up(s.block_q(), kSharedVector) + (layout == Layout::nhwc ? kSharedVector : 0);
}

std::int64_t shared_bytes(const GpuSchedule& s, const Lowering& p) {
  if (!p.has_pointwise()) return 0;
  return std::int64_t{4} * s.k_step * (round_up(s.block_f(), kSharedVector) + shared_pitch(s, p.layout));
}

int register_estimate(const GpuSchedule& s) {
  constexpr int kAddresses = 32;
  return s.tile_f * s.tile_q + s.tile_f + s.tile_q + kAddresses;
}

GpuSchedule depthwise_tiles(const Lowering& p) {
  GpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc;
  // The pointwise stage of a separable problem reads the multipliers as planes, and a thread makes all of them.
  const bool planes = p.has_pointwise();
  const int channels = planes ? p.IC : p.OC, pixels = p.is_dynamic() ? 1 : p.OH() * p.OW();
  const int dense = nhwc ? channels : pixels, sparse = nhwc ? pixels : channels;
  int &dense_threads = nhwc ? s.threads_f : s.threads_q, &sparse_threads = nhwc ? s.threads_q : s.threads_f;
  int &dense_tile = nhwc ? s.tile_f : s.tile_q, &sparse_tile = nhwc ? s.tile_q : s.tile_f;
  dense_tile = nhwc && !planes && p.depth_multiplier != 1 ? 1 : gpu_vector(4, dense);
  dense_threads = std::min(32, power_of_two_from(ceil_div(dense, dense_tile)));
  sparse_tile = 1;
  // Images of 7, 14, 28 and 56 pixels a side are many.
  sparse_threads = std::min((sparse % 7 == 0 ? 224 : 256) / dense_threads, power_of_two_from(sparse));
  if (nhwc) sparse_tile = sparse > 512 ? 4 : sparse > 128 ? 2 : 1;
  s.k_step = 0;
  return s;
}

GpuSchedule line_tiles(const Lowering& p) {
  constexpr int kWarp = 32, kThreads = 256, kFewLines = 64;
  const bool dense_line = p.layout == Layout::nhwc && !p.along_columns();
  const int most_lanes = power_of_two_below(p.line_elements()), most_lines = power_of_two_from(p.lines());
  GpuSchedule s;
  s.tile_f = s.tile_q = 1;
  s.k_step = 0;
  if (dense_line) {
    s.threads_f = std::min(p.lines() < kFewLines ? kThreads : kWarp, most_lanes);
    s.threads_q = std::min(kThreads / std::max(s.threads_f, kWarp), most_lines);
  } else {
    s.threads_q = std::min(kWarp, most_lines);
    s.threads_f = std::min(kThreads / std::max(s.threads_q, kWarp), most_lanes);
  }
  return s;
}

std::optional<std::string> reject_reason(const GpuSchedule& s, const Lowering& p) {
  const Target& target = p.target;
  if (target.device == Device::cpu) return "a GPU schedule cannot serve the CPU target " + target.name;
  if (auto reason = unsupported(p)) return reason;
  return field_reason(s, p);
}

std::string to_text(const Schedule& schedule) {
  return std::visit([](const auto& kind) { return to_text(kind); }, schedule);
}

Schedule schedule_from_text(std::string_view text, const Target& target) {
  if (target.device == Device::cpu) return schedule_from_text(text);
  return gpu_schedule_from_text(text);
}

std::optional<std::string> reject_reason(const Schedule& schedule, const Lowering& problem) {
  return std::visit([&](const auto& kind) { return reject_reason(kind, problem); }, schedule);
}

Schedule blocks_for_threads(const Schedule& schedule, const Lowering& problem, int threads) {
  const auto* cpu = std::get_if<CpuSchedule>(&schedule);
  return cpu == nullptr ? schedule : blocks_for_threads(*cpu, problem, threads);
}

Schedule default_schedule(const Lowering& problem, int threads) {
  if (problem.target.device == Device::cpu) return blocks_for_threads(default_cpu_schedule(problem), problem, threads);
  return default_gpu_schedule(problem);
}

}  // namespace sepconv::generators
