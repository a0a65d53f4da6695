#include "schedule.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "../../runtime/core/text.h"
#include "sepconv/detail/kernel_row.h"

namespace sepconv {
namespace {

constexpr int kMostSpread = 256;
constexpr int kMostPhases = 64;

/// Writes a part's fields.
struct FieldWriter {
  std::string& text;
  void operator()(std::string_view field, int value) const { text += "_" + std::string(field) + std::to_string(value); }
  void operator()(std::string_view field, int value, int neutral) const {
    if (value != neutral) (*this)(field, value);
  }
};

template <class Part>
std::string part_text(std::string_view name, const Part& part) {
  std::string text(name);
  visit_fields(part, FieldWriter{text});
  return text;
}

/// Reads a part's fields in order.
class FieldReader {
 public:
  FieldReader(std::string_view part, std::string_view text)
      : part_(part), text_(text), fields_(detail::split(text, '_')) {}

  void operator()(std::string_view field, int& value) {
    std::string_view given = current();
    if (!detail::consume_prefix(given, field))
      throw std::invalid_argument("schedule: part '" + std::string(part_) + "' expects field '" + std::string(field) +
                                  "' at position " + std::to_string(index_) + ", received " +
                                  detail::quoted(given.empty() ? "nothing" : given) + " in " + detail::quoted(text_));
    read(field, given, value);
  }
  void operator()(std::string_view field, int& value, int neutral) {
    value = neutral;
    std::string_view given = current();
    if (detail::consume_prefix(given, field)) read(field, given, value);
  }
  void end() const {
    if (index_ < fields_.size())
      throw std::invalid_argument("schedule: part '" + std::string(part_) + "' has an unknown field " +
                                  detail::quoted(fields_[index_]));
  }

 private:
  std::string_view current() const { return index_ < fields_.size() ? fields_[index_] : std::string_view{}; }
  void read(std::string_view field, std::string_view given, int& value) {
    value = detail::parse_int(given, "schedule field '" + std::string(part_) + "." + std::string(field) + "'");
    ++index_;
  }

  std::string_view part_, text_;
  std::vector<std::string_view> fields_;
  std::size_t index_ = 1;  // behind the part's name
};

template <class Part>
Part parse_part(std::string_view name, std::string_view text) {
  Part part;
  FieldReader reader(name, text);
  visit_fields(part, reader);
  reader.end();
  return part;
}

std::string refuse(std::string_view field, int value, const std::string& reason) {
  return std::string(field) + "=" + std::to_string(value) + ": " + reason;
}

/// The product, or the largest number where it is larger.
std::int64_t saturated_product(std::initializer_list<std::int64_t> factors) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors)
    if (__builtin_mul_overflow(product, factor, &product)) return std::numeric_limits<std::int64_t>::max();
  return product;
}

/// Why the copy of a block's input, or the depthwise result, cannot be addressed. The generator counts exactly.
std::optional<std::string> scratch_reason(const CpuSchedule& s, const Lowering& p) {
  if (!s.depthwise) return std::nullopt;
  const DepthwiseCpuSchedule& dw = *s.depthwise;
  constexpr auto kMost = static_cast<std::int64_t>(kMaxScratchBytes);
  const auto bytes = static_cast<std::int64_t>(size_bytes(accumulator_type(p.dtype)));
  const auto too_large = [](std::string_view field, int value, const char* what, std::int64_t needed) {
    return refuse(field, value,
                  std::string(what) + " needs " + std::to_string(needed) + " bytes; at most " + std::to_string(kMost) +
                      " can be addressed");
  };
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

}  // namespace

std::string to_text(const CpuSchedule& schedule) {
  std::string text = part_text("block", schedule.block);
  if (schedule.depthwise) text += "." + part_text("dw", *schedule.depthwise);
  if (schedule.pointwise) text += "." + part_text("pw", *schedule.pointwise);
  return text;
}

CpuSchedule schedule_from_text(std::string_view text) {
  CpuSchedule schedule;
  bool has_block = false;
  for (std::string_view part : detail::split(text, '.')) {
    const std::string_view name = part.substr(0, part.find('_'));
    if (name == "block" && !has_block) {
      schedule.block = parse_part<BlockCpuSchedule>(name, part);
      has_block = true;
    } else if (name == "dw" && !schedule.depthwise) {
      schedule.depthwise = parse_part<DepthwiseCpuSchedule>(name, part);
    } else if (name == "pw" && !schedule.pointwise) {
      schedule.pointwise = parse_part<PointwiseCpuSchedule>(name, part);
    } else {
      throw std::invalid_argument("schedule: expected the parts 'block', 'dw' and 'pw', each at most once, received " +
                                  detail::quoted(part) + " in " + detail::quoted(text));
    }
  }
  if (!has_block) throw std::invalid_argument("schedule: part 'block' is missing in " + detail::quoted(text));
  return schedule;
}

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
  const Target& target = p.target;
  if (p.has_depthwise() != s.depthwise.has_value())
    return std::string(p.has_depthwise() ? "part 'dw' is missing" : "part 'dw' given") + " for op " + to_text(p.family);
  if (p.has_pointwise() != s.pointwise.has_value())
    return std::string(p.has_pointwise() ? "part 'pw' is missing" : "part 'pw' given") + " for op " + to_text(p.family);
  const BlockCpuSchedule& block = s.block;
  if (block.fuse != 0 && block.fuse != 1) return refuse("block.fuse", block.fuse, "expected 0 or 1");
  const int most_flat = p.family == KernelFamily::separable ? kFlatDirect : kFlatCopied;
  if (block.flat < 0 || block.flat > most_flat)
    return refuse("block.flat", block.flat, "expected 0 to " + std::to_string(most_flat));
  if (block.oh_block < 1) return refuse("block.oh", block.oh_block, "expected at least 1");
  if (block.ow_block < 1) return refuse("block.ow", block.ow_block, "expected at least 1");
  if (p.family != KernelFamily::separable && !block.fuse)
    return refuse("block.fuse", 0, "one stage has nothing to unfuse");
  if (block.flat && p.is_dynamic()) return refuse("block.flat", block.flat, "flattened pixels need static extents");
  if (block.flat && block.ow_block != p.OW())
    return refuse("block.ow", block.ow_block, "flattened pixels need whole rows, " + std::to_string(p.OW()));
  if (block.spread < 0 || block.spread > kMostSpread)
    return refuse("block.spread", block.spread, "expected 0 to " + std::to_string(kMostSpread));
  if (block.spread && (p.family != KernelFamily::separable || inner_layout(*s.depthwise, p) != Layout::nhwc))
    return refuse("block.spread", block.spread,
                  "only the scratch of a separable problem can be spread, in nhwc or with dw.vc=1");
  if (!block.fuse && p.is_dynamic()) return refuse("block.fuse", 0, "an unfused schedule needs static extents");
  if (!p.dynamic_h() && block.oh_block > p.OH()) return refuse("block.oh", block.oh_block, "more rows than the output");
  const int tile = s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile;
  if (!block.flat && tile >= 1 && block.ow_block % tile != 0)
    return refuse("block.ow", block.ow_block,
                  "not a multiple of the register tile's " + std::to_string(tile) + " columns");
  if (block.flat && p.family == KernelFamily::depthwise)
    return refuse("block.flat", block.flat, "a depthwise problem has no GEMM to flatten");
  if (block.flat && s.depthwise && s.depthwise->ow_tile > p.OW())
    return refuse("dw.ow", s.depthwise->ow_tile, "more columns than the output's " + std::to_string(p.OW()));
  if (block.flat && s.pointwise->mr > block.oh_block * p.OW())
    return refuse("pw.mr", s.pointwise->mr, "more pixels than a block's " + std::to_string(block.oh_block * p.OW()));

  const bool nhwc = p.layout == Layout::nhwc;
  if (auto reason = scratch_reason(s, p)) return reason;
  if (s.depthwise) {
    const DepthwiseCpuSchedule& dw = *s.depthwise;
    if (dw.c_tile < 1 || dw.ow_tile < 1) return std::string("dw.c and dw.ow: expected at least 1");
    if (dw.pad_tile != 0 && dw.pad_tile != 1) return refuse("dw.pad", dw.pad_tile, "expected 0 or 1");
    if (dw.pad_tile && !nhwc && !dw.vector_c && p.window.stride_w > kMostPhases)
      return refuse("dw.pad", 1,
                    "in nchw each of a stride's " + std::to_string(p.window.stride_w) +
                        " phases is copied by code of its own; at most " + std::to_string(kMostPhases));
    if (dw.k_unroll < 0 || (dw.k_unroll > 0 && p.window.KW % dw.k_unroll != 0))
      return refuse("dw.ku", dw.k_unroll,
                    "expected 0 or a divisor of the window's " + std::to_string(p.window.KW) + " columns");
    if (dw.c_block < 0 || dw.c_block % dw.c_tile != 0)
      return refuse("dw.cb", dw.c_block, "expected 0 or a multiple of dw.c=" + std::to_string(dw.c_tile));
    if (dw.c_block && (!nhwc || p.IC < dw.c_tile))
      return refuse("dw.cb", dw.c_block, "only panels of nhwc's channels can be computed column by column");
    if (dw.c_block && block.flat == kFlatCopied)
      return refuse("dw.cb", dw.c_block, "block.flat=1 copies the rows of one panel at a time");
    if (dw.vector_c != 0 && dw.vector_c != 1) return refuse("dw.vc", dw.vector_c, "expected 0 or 1");
    if (dw.vector_c) {
      if (p.family != KernelFamily::separable || nhwc || p.is_dynamic())
        return refuse("dw.vc", 1, "only for separable problems in nchw with static extents");
      if (!dw.pad_tile) return refuse("dw.vc", 1, "the input is transposed as it is copied: expected dw.pad=1");
      if (!s.pointwise->vector_f)
        return refuse("dw.vc", 1, "the result is transposed as it is stored: expected pw.vf=1");
      if (block.ow_block < p.OW())
        return refuse("dw.vc", 1, "whole rows are copied: expected block.ow of at least " + std::to_string(p.OW()));
    }
    const RegisterTile tile_registers = register_tile(dw, p);
    if (tile_registers.total() > target.registers)
      return refuse("dw.ow", dw.ow_tile,
                    std::to_string(tile_registers.sums()) + " sums do not fit " + std::to_string(target.registers) +
                        " registers");
  }
  if (s.pointwise) {
    const PointwiseCpuSchedule& pw = *s.pointwise;
    if (pw.mr < 1 || pw.nr < 1 || pw.k_unroll < 1) return std::string("pw.mr, pw.nr and pw.ku: expected at least 1");
    if (pw.vector_f != 0 && pw.vector_f != 1) return refuse("pw.vf", pw.vector_f, "expected 0 or 1");
    if (nhwc && !pw.vector_f) return refuse("pw.vf", 0, "in nhwc pixels do not lie side by side");
    const RegisterTile tile_registers = register_tile(pw, p);
    if (tile_registers.total() > target.registers)
      return refuse("pw.mr", pw.mr,
                    "with nr=" + std::to_string(pw.nr) + ", " + std::to_string(tile_registers.total()) +
                        " registers are needed and " + std::to_string(target.registers) + " exist");
  }
  return std::nullopt;
}

}  // namespace sepconv
