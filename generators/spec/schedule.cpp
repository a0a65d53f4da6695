#include "generators/spec/schedule.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "generators/spec/schedule_fields.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::generators {
namespace {

/// The product, or the largest number where it is larger.
std::int64_t saturated_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(product, factor, &product)) return std::numeric_limits<std::int64_t>::max();
  return product;
}

constexpr auto kMost = static_cast<std::int64_t>(kMaxScratchBytes);

std::string too_large(std::string_view field, int value, const char* what, std::int64_t needed) {
  return refused_value(field, value,
                       std::string(what) + " needs " + std::to_string(needed) + " bytes; at most " +
                           std::to_string(kMost) + " can be addressed");
}

/// Why the copy of a block's input, or of its taps, cannot be addressed.
std::optional<std::string> conv_scratch_reason(const CpuSchedule& s, const Lowering& p) {
  const std::int64_t bytes = sum_bytes(p);
  const std::int64_t columns = s.block.ow_block, rows = s.block.oh_block;
  const std::int64_t copy =
      s.block.flat() ? saturated_product({columns, rows, p.IC, p.planes(), bytes})
                     : saturated_product({(columns - 1) * p.window.stride_w + p.window.KW_eff() + p.target.lanes,
                                          (rows - 1) * p.window.stride_h + p.window.KH_eff(), p.IC, bytes});
  if (copy > kMost) return too_large("block.oh", s.block.oh_block, "the copy of a block's input", copy);
  return std::nullopt;
}

/// Why the copy of a block's input, or the depthwise result, cannot be addressed. The generator counts exactly.
std::optional<std::string> scratch_reason(const CpuSchedule& s, const Lowering& p) {
  if (p.family == KernelFamily::conv) return conv_scratch_reason(s, p);
  if (!s.depthwise) return std::nullopt;
  const DepthwiseCpuSchedule& dw = *s.depthwise;
  const std::int64_t bytes = sum_bytes(p);
  const std::int64_t columns = p.dynamic_w() ? s.block.ow_block : std::min(s.block.ow_block, p.OW());
  const std::int64_t rows = s.block.oh_block;
  if (dw.pad_tile) {
    const std::int64_t tile = saturated_product({(columns - 1) * p.window.stride_w + p.window.KW_eff(),
                                                 (rows - 1) * p.window.stride_h + p.window.KH_eff(), dw.c_tile, bytes});
    if (tile > kMost) return too_large("dw.pad", 1, "the copy of a block's input", tile);
  }
  if (p.family != KernelFamily::separable) return std::nullopt;
  const bool whole = !s.block.fuse;  // an image; only with static extents
  const std::int64_t result = saturated_product({whole ? p.OW() : std::max<std::int64_t>(columns, s.block.ow_block),
                                                 whole ? p.OH() : rows, p.middle_channels(), bytes});
  if (result > kMost) return too_large("block.ow", s.block.ow_block, "the depthwise result", result);
  return std::nullopt;
}

/// Why a stage's innermost tile cannot be kept in registers.
std::optional<std::string> register_reason(const CpuSchedule& s, const Lowering& p) {
  const int registers = p.target.registers;
  if (s.depthwise) {
    const RegisterTile tile = register_tile(*s.depthwise, p);
    if (tile.total() > registers)
      return refused_value(
          "dw.ow", s.depthwise->ow_tile,
          std::to_string(tile.sums()) + " sums do not fit " + std::to_string(registers) + " registers");
  }
  if (s.pointwise) {
    const RegisterTile tile = register_tile(*s.pointwise, p);
    if (tile.total() > registers)
      return refused_value("pw.mr", s.pointwise->mr,
                           "with nr=" + std::to_string(s.pointwise->nr) + ", " + std::to_string(tile.total()) +
                               " registers are needed and " + std::to_string(registers) + " exist");
  }
  return std::nullopt;
}

std::optional<std::string> part_reason(const char* part, bool needed, bool given, const Lowering& p) {
  if (needed == given) return std::nullopt;
  return "part '" + std::string(part) + (needed ? "' is missing" : "' given") + " for op " + to_text(p.family);
}

}  // namespace

Layout inner_layout(const DepthwiseCpuSchedule& dw, const Lowering& p) { return dw.vector_c ? Layout::nhwc : p.layout; }

int vector_elems(int tile, const Target& target) {
  int elems = 1;
  while (elems < target.lanes && tile % (elems * 2) == 0) elems *= 2;
  return elems;
}

int vector_below(int extent, const Target& target) { return std::min(target.lanes, power_of_two_below(extent)); }

RegisterTile register_tile(const DepthwiseCpuSchedule& dw, const Lowering& p) {
  const bool nhwc = inner_layout(dw, p) == Layout::nhwc;
  const int vector_tile = nhwc ? dw.c_tile : dw.ow_tile;
  return {vector_tile / vector_elems(vector_tile, p.target), nhwc ? dw.ow_tile : dw.c_tile, 2};
}

RegisterTile register_tile(const PointwiseCpuSchedule& pw, const Lowering& p) {
  const int vector_tile = pw.vector_f ? pw.nr : pw.mr;
  const int vectors = vector_tile / vector_elems(vector_tile, p.target);
  return {vectors, pw.vector_f ? pw.mr : pw.nr, vectors + 1};
}

std::optional<std::string> reject_reason(const CpuSchedule& s, const Lowering& p) {
  if (auto reason = part_reason("dw", p.tiles_channels(), s.depthwise.has_value(), p)) return reason;
  if (auto reason = part_reason("pw", p.has_pointwise(), s.pointwise.has_value(), p)) return reason;
  if (auto reason = field_reason(s, p)) return reason;
  if (auto reason = scratch_reason(s, p)) return reason;
  return register_reason(s, p);
}

}  // namespace sepconv::generators
