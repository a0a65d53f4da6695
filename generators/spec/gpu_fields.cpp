// The fields of GPU schedules.

#include <algorithm>

#include "generators/spec/integers.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::generators {
namespace {

constexpr int kMaxThreads = 256;          // OpenCL devices may have no more
constexpr std::int64_t kMaxGrid = 65535;  // blocks along each axis but the first
constexpr FieldRange kAtLeastOne{.least = 1};

std::string fuse_refusal(const GpuSchedule& s, const Lowering& p) {
  return s.fuse || p.family == KernelFamily::separable ? "" : "only a separable problem has two stages to keep apart";
}

std::string tf_refusal(const GpuSchedule& s, const Lowering& p) {
  if (!p.reduces_lines()) return "";
  if (s.threads_f > p.line_elements())
    return "more threads than the " + std::to_string(p.line_elements()) + " of a line";
  return s.threads_f == power_of_two_below(s.threads_f) ? "" : "the threads of a line are a power of two";
}

std::string tq_refusal(const GpuSchedule& s, const Lowering&) {
  if (s.threads() <= kMaxThreads) return "";
  return std::to_string(s.threads()) + " threads; a block has at most " + std::to_string(kMaxThreads);
}

std::string f_refusal(const GpuSchedule& s, const Lowering& p) {
  if (p.reduces_lines() && s.tile_f != 1) return "a thread has one lane of a line";
  if (p.has_pointwise() || p.depth_multiplier == 1 || s.tile_f == 1) return "";
  return "with a depth multiplier, a thread of a depthwise problem has one channel";
}

std::string q_refusal(const GpuSchedule& s, const Lowering& p) {
  if (register_estimate(s) > p.target.registers)
    return "about " + std::to_string(register_estimate(s)) + " registers are needed and a thread has " +
           std::to_string(p.target.registers);
  // Blocks of lines are the first axis of the grid.
  if (p.reduces_lines()) return s.tile_q == 1 ? "" : "a thread works for one line";
  const std::int64_t pixels = std::int64_t{p.OH()} * p.OW();
  const int block_pixels = s.fuse ? s.block_q() : std::min(s.block_q(), depthwise_tiles(p).block_q());
  if (ceil_div(pixels, std::int64_t{block_pixels}) <= kMaxGrid) return "";
  return std::to_string(pixels) + " pixels need more than " + std::to_string(kMaxGrid) + " blocks";
}

std::string k_refusal(const GpuSchedule& s, const Lowering& p) {
  if (p.has_pointwise() != (s.k_step > 0))
    return p.has_pointwise() ? "a pointwise stage needs steps" : "a depthwise problem has no steps";
  if (shared_bytes(s, p) <= p.target.l1_bytes) return "";
  return std::to_string(shared_bytes(s, p)) + " bytes of shared memory are needed and a block has " +
         std::to_string(p.target.l1_bytes);
}

FieldValues tried_fuse(const Lowering& p) {
  return p.family == KernelFamily::separable ? FieldValues{0, 1} : FieldValues{1};
}
FieldValues tried_threads(const Lowering&) { return powers_of_two(1, 64); }
FieldValues tried_tile(const Lowering&) { return powers_of_two(1, 8); }
FieldValues tried_k(const Lowering& p) {
  return p.has_pointwise() ? up_to(p.IC, {4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32}) : FieldValues{0};
}

constexpr ScheduleField<GpuSchedule> kGpuFields[] = {
    {.name = "fuse",
     .member = &GpuSchedule::fuse,
     .help = "1: one kernel for both stages; 0: one for each, and the depthwise result lies in device memory",
     .legal = {0, 1},
     .refusal = fuse_refusal,
     .tried = tried_fuse},  // no feature: the estimate, which is one, knows the two apart
    {.name = "tf",
     .member = &GpuSchedule::threads_f,
     .help = "threads of a block along output channels, or along a line that is reduced",
     .legal = kAtLeastOne,
     .refusal = tf_refusal,
     .tried = tried_threads,
     .feature = FieldFeature::log},
    {.name = "tq",
     .member = &GpuSchedule::threads_q,
     .help = "threads of a block along pixels, or lines",
     .legal = kAtLeastOne,
     .refusal = tq_refusal,
     .tried = tried_threads,
     .feature = FieldFeature::log},
    {.name = "f",
     .member = &GpuSchedule::tile_f,
     .help = "output channels of a thread",
     .legal = kAtLeastOne,
     .refusal = f_refusal,
     .tried = tried_tile,
     .feature = FieldFeature::log},
    {.name = "q",
     .member = &GpuSchedule::tile_q,
     .help = "pixels of a thread",
     .legal = kAtLeastOne,
     .refusal = q_refusal,
     .tried = tried_tile,
     .feature = FieldFeature::log},
    {.name = "k",
     .member = &GpuSchedule::k_step,
     .help = "input channels of a step; 0 without a pointwise stage",
     .refusal = k_refusal,
     .tried = tried_k,
     .feature = FieldFeature::log},
};

}  // namespace

template <>
std::span<const ScheduleField<GpuSchedule>> fields_of() {
  return kGpuFields;
}

}  // namespace sepconv::generators
