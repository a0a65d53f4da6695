#include "gpu_schedule.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "../../runtime/core/text.h"

namespace sepconv {
namespace {

constexpr int kMaxThreads = 256;          // OpenCL devices may have no more
constexpr std::int64_t kMaxGrid = 65535;  // blocks along each axis but the first

std::string refuse(std::string_view field, std::int64_t value, const std::string& reason) {
  return "gpu." + std::string(field) + "=" + std::to_string(value) + ": " + reason;
}

/// Problems that GPU kernels are not made for.
std::optional<std::string> unsupported(const Lowering& p) {
  if (p.is_dynamic()) return "a GPU kernel needs static extents; leave out --dynamic, or name a CPU target";
  if (p.dtype == DataType::float64) return "GPU kernels compute float32, float16 and bfloat16; name a CPU target";
  return std::nullopt;
}

}  // namespace

std::string to_text(const GpuSchedule& schedule) {
  std::string text = "gpu";
  visit_gpu_fields(
      schedule, [&](std::string_view field, int value) { text += "_" + std::string(field) + std::to_string(value); });
  return text;
}

GpuSchedule gpu_schedule_from_text(std::string_view text) {
  const auto fields = detail::split(text, '_');
  if (fields.empty() || fields[0] != "gpu")
    throw std::invalid_argument("schedule: expected 'gpu_...', received " + detail::quoted(text));
  GpuSchedule schedule;
  std::size_t index = 1;
  visit_gpu_fields(schedule, [&](std::string_view field, int& value) {
    std::string_view given = index < fields.size() ? fields[index] : std::string_view{};
    if (!detail::consume_prefix(given, field))
      throw std::invalid_argument("schedule: part 'gpu' expects field '" + std::string(field) + "' at position " +
                                  std::to_string(index) + ", received " +
                                  detail::quoted(given.empty() ? "nothing" : given) + " in " + detail::quoted(text));
    value = detail::parse_int(given, "schedule field 'gpu." + std::string(field) + "'");
    ++index;
  });
  if (index != fields.size())
    throw std::invalid_argument("schedule: part 'gpu' has an unknown field " + detail::quoted(fields[index]));
  return schedule;
}

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
  const int channels = planes ? p.IC : p.middle_channels(), pixels = p.is_dynamic() ? 1 : p.OH() * p.OW();
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

std::optional<std::string> reject_reason(const GpuSchedule& s, const Lowering& p) {
  const Target& target = p.target;
  if (target.device == Device::cpu) return "a GPU schedule cannot serve the CPU target " + target.name;
  if (auto reason = unsupported(p)) return reason;
  std::optional<std::string> bad;
  visit_gpu_fields(s, [&](std::string_view field, int value) {
    const int least = field == "k" || field == "fuse" ? 0 : 1;
    if (value < least && !bad) bad = refuse(field, value, "expected at least " + std::to_string(least));
  });
  if (bad) return bad;
  if (s.fuse > 1) return refuse("fuse", s.fuse, "expected 0 or 1");
  if (s.fuse == 0 && p.family != KernelFamily::separable)
    return refuse("fuse", s.fuse, "only a separable problem has two stages to keep apart");
  if (p.has_pointwise() != (s.k_step > 0))
    return refuse("k", s.k_step,
                  p.has_pointwise() ? "a pointwise stage needs steps" : "a depthwise problem has no steps");
  if (!p.has_pointwise() && p.depth_multiplier != 1 && s.tile_f != 1)
    return refuse("f", s.tile_f, "with a depth multiplier, a thread of a depthwise problem has one channel");
  if (s.threads() > kMaxThreads)
    return refuse("tq", s.threads_q, std::to_string(s.threads()) + " threads; a block has at most 256");
  if (register_estimate(s) > target.registers)
    return refuse("q", s.tile_q,
                  "about " + std::to_string(register_estimate(s)) + " registers are needed and a thread has " +
                      std::to_string(target.registers));
  if (shared_bytes(s, p) > target.l1_bytes)
    return refuse("k", s.k_step,
                  std::to_string(shared_bytes(s, p)) + " bytes of shared memory are needed and a block has " +
                      std::to_string(target.l1_bytes));
  const std::int64_t pixels = std::int64_t{p.OH()} * p.OW();
  const int block_pixels = s.fuse ? s.block_q() : std::min(s.block_q(), depthwise_tiles(p).block_q());
  if (ceil_div(pixels, block_pixels) > kMaxGrid)
    return refuse("q", s.tile_q, std::to_string(pixels) + " pixels need more than 65535 blocks");
  return std::nullopt;
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

}  // namespace sepconv
