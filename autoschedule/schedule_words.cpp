#include "autoschedule/schedule_words.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "generators/spec/gpu_estimate.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::autoschedule {
namespace {

constexpr std::int64_t kBatch = 1;  // images of a call, in what is counted for a GPU

/// Bytes of the depthwise result that the pointwise stage reads; nothing without one, or if its size is unknown.
std::optional<std::int64_t> block_bytes(const generators::Lowering& p, const generators::CpuSchedule& s) {
  if (p.family != generators::KernelFamily::separable || p.is_dynamic()) return std::nullopt;
  const std::int64_t pixels =
      s.block.fuse ? std::int64_t{s.block.oh_block} * s.block.ow_block : std::int64_t{p.OH()} * p.OW();
  return pixels * p.middle_channels() * sum_bytes(p);
}

std::int64_t panel_bytes(const generators::Lowering& p, const generators::PointwiseCpuSchedule& pw) {
  return std::int64_t{p.middle_channels()} * pw.nr * sum_bytes(p);
}

std::string share(std::int64_t bytes, std::int64_t cache, const char* name) {
  return fmt::format("{:.1f} KiB, {:.0f}% of {}'s {} KiB", static_cast<double>(bytes) / 1024,
                     100.0 * static_cast<double>(bytes) / static_cast<double>(cache), name, cache / 1024);
}

/// What single fields have to say, each behind a semicolon.
template <class Part>
std::string field_words(const Part& part, const generators::Lowering& p) {
  std::string text;
  for (const generators::ScheduleField<Part>& field : generators::fields_of<Part>()) {
    const std::string words = field.words == nullptr ? "" : field.words(part, p);
    if (!words.empty()) text += "; " + words;
  }
  return text;
}

std::string block_words(const generators::Lowering& p, const generators::CpuSchedule& s) {
  const generators::BlockCpuSchedule& b = s.block;
  std::string text = b.flat() ? fmt::format("blocks of {} whole rows, tiled across their ends{}", b.oh_block,
                                            b.pixels == generators::PixelOrder::flat_direct ? " without a copy" : "")
                              : fmt::format("blocks of {} rows x {} columns", b.oh_block, b.ow_block);
  if (!p.is_dynamic()) {
    const int rows = (p.OH() + b.oh_block - 1) / b.oh_block, columns = (p.OW() + b.ow_block - 1) / b.ow_block;
    text += fmt::format(", {} an image", rows * columns);
  }
  if (const auto bytes = block_bytes(p, s))
    text += fmt::format("; the depthwise result of {} is kept: {}", b.fuse ? "a block" : "the image",
                        share(*bytes, p.target.l2_bytes, "L2"));
  return text + field_words(b, p);
}

std::string tile_words(const char* stage, int pixels, const char* pixel_name, int channels,
                       const generators::RegisterTile& tile, const generators::Target& target) {
  return fmt::format("{}: tiles of {} {} x {} channels: {} vectors x {} = {} sums + {} operands = {} of {} registers",
                     stage, pixels, pixel_name, channels, tile.vectors, tile.scalars, tile.sums(), tile.operands,
                     tile.total(), target.registers);
}

std::vector<std::string> cpu_words(const generators::Lowering& p, const generators::CpuSchedule& s) {
  const generators::Target& target = p.target;
  std::vector<std::string> lines = {to_text(s), block_words(p, s)};
  if (s.depthwise) {
    const generators::DepthwiseCpuSchedule& dw = *s.depthwise;
    lines.push_back(tile_words("depthwise", dw.ow_tile, "columns", dw.c_tile, register_tile(dw, p), target));
    lines.back() += field_words(dw, p);
  }
  if (s.pointwise) {
    const generators::PointwiseCpuSchedule& pw = *s.pointwise;
    lines.push_back(tile_words("pointwise", pw.mr, "pixels", pw.nr, register_tile(pw, p), target));
    lines.back() += fmt::format("; a panel of weights: {}", share(panel_bytes(p, pw), target.l1_bytes, "L1"));
    lines.back() += field_words(pw, p);
  }
  return lines;
}

std::vector<std::string> gpu_words(const generators::Lowering& p, const generators::GpuSchedule& s) {
  const generators::Target& target = p.target;
  std::vector<std::string> lines = {
      to_text(s),
      fmt::format("blocks of {} x {} threads make {} channels x {} pixels", s.threads_f, s.threads_q, s.block_f(),
                  s.block_q()) +
          field_words(s, p),
      fmt::format("a thread: {} channels x {} pixels, about {} of {} registers", s.tile_f, s.tile_q,
                  register_estimate(s), target.registers),
      fmt::format("shared memory of a block: {:.1f} of {} KiB", static_cast<double>(shared_bytes(s, p)) / 1024,
                  target.l1_bytes / 1024)};
  if (p.family == generators::KernelFamily::separable && !p.is_dynamic())
    lines.push_back(s.fuse
                        ? "one kernel: a block makes the depthwise results that it reads"
                        : fmt::format("two kernels: the depthwise result of an image lies in device memory, {:.1f} KiB",
                                      static_cast<double>(std::int64_t{p.OH()} * p.OW() * p.middle_channels()) *
                                          static_cast<double>(size_bytes(p.dtype)) / 1024));
  for (const generators::GpuFigures& gpu : generators::known_gpus()) {
    const generators::GpuEstimate e = estimate_gpu(s, p, kBatch, target.registers, gpu);
    lines.push_back(fmt::format(
        "counted for a {}, batch {}: {:.3g} us, {:.0f}% of the roofline's {:.3g} us; occupancy {:.0f}%", gpu.name,
        kBatch, e.seconds * 1e6, 100 * e.roofline_seconds / e.seconds, e.roofline_seconds * 1e6, 100 * e.occupancy));
  }
  return lines;
}

}  // namespace

std::vector<std::string> schedule_words(const generators::Lowering& problem, const generators::Schedule& schedule) {
  if (const auto* gpu = std::get_if<generators::GpuSchedule>(&schedule)) return gpu_words(problem, *gpu);
  return cpu_words(problem, std::get<generators::CpuSchedule>(schedule));
}

nlohmann::ordered_json schedule_json(const generators::Lowering& p, const generators::Schedule& schedule) {
  const generators::Target& target = p.target;
  nlohmann::ordered_json json = {{"target", target.name}, {"schedule", to_text(schedule)}};
  if (const auto* gpu = std::get_if<generators::GpuSchedule>(&schedule)) {
    json["registers"] = {{"thread", register_estimate(*gpu)}, {"of", target.registers}};
    json["shared_bytes"] = shared_bytes(*gpu, p);
    json["counted"] = nlohmann::ordered_json::array();
    for (const generators::GpuFigures& figures : generators::known_gpus()) {
      const generators::GpuEstimate e = estimate_gpu(*gpu, p, kBatch, target.registers, figures);
      json["counted"].push_back({{"gpu", figures.name},
                                 {"batch", kBatch},
                                 {"seconds", e.seconds},
                                 {"roofline_seconds", e.roofline_seconds},
                                 {"occupancy", e.occupancy},
                                 {"flops", e.flops},
                                 {"dram_bytes", e.dram_bytes}});
    }
    return json;
  }
  const generators::CpuSchedule& s = std::get<generators::CpuSchedule>(schedule);
  if (s.depthwise) json["registers"]["depthwise"] = register_tile(*s.depthwise, p).total();
  if (s.pointwise) json["registers"]["pointwise"] = register_tile(*s.pointwise, p).total();
  json["registers"]["of"] = target.registers;
  if (const auto bytes = block_bytes(p, s)) json["block_bytes"] = *bytes;
  if (s.pointwise) json["panel_bytes"] = panel_bytes(p, *s.pointwise);
  return json;
}

}  // namespace sepconv::autoschedule
