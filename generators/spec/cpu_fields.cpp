// The fields of CPU schedules. A new one is an entry of a table here, a member in schedule.h, and what obeys it.

#include <algorithm>
#include <set>

#include "generators/spec/integers.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::generators {
namespace {

using Values = FieldValues;

constexpr int kMostSpread = 256;
constexpr int kMostPhases = 64;
constexpr FieldRange kEither{0, 1}, kAtLeastOne{.least = 1};

// The rules of single fields.

std::string fuse_refusal(const CpuSchedule& s, const Lowering& p) {
  if (s.block.fuse) return "";
  if (p.family != KernelFamily::separable) return "one stage has nothing to unfuse";
  return p.is_dynamic() ? "an unfused schedule needs static extents" : "";
}

std::string flat_refusal(const CpuSchedule& s, const Lowering& p) {
  if (!s.block.flat()) return "";
  if (p.family == KernelFamily::depthwise) return "a depthwise problem has no GEMM to flatten";
  if (!p.has_depthwise() && s.block.pixels == PixelOrder::flat_direct)
    return "expected 0 or 1: without a depthwise stage there is only the copy";
  if (p.rows_apart()) return "the rows of the output lie apart";
  return p.is_dynamic() ? "flattened pixels need static extents" : "";
}

std::string oh_refusal(const CpuSchedule& s, const Lowering& p) {
  return !p.dynamic_h() && s.block.oh_block > p.OH() ? "more rows than the output" : "";
}

std::string ow_refusal(const CpuSchedule& s, const Lowering& p) {
  if (s.block.flat())
    return s.block.ow_block == p.OW() ? "" : "flattened pixels need whole rows, " + std::to_string(p.OW());
  const int tile = s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile;
  if (s.block.ow_block % tile == 0) return "";
  return "not a multiple of the register tile's " + std::to_string(tile) + " columns";
}

std::string spread_refusal(const CpuSchedule& s, const Lowering& p) {
  if (s.block.spread == 0) return "";
  if (p.family == KernelFamily::separable && inner_layout(*s.depthwise, p) == Layout::nhwc) return "";
  return "only the scratch of a separable problem can be spread, in nhwc or with dw.vc=1";
}

std::string dw_c_refusal(const CpuSchedule& s, const Lowering& p) {
  const int tile = s.depthwise->c_tile;
  if (!p.has_taps() && tile > p.IC) return "more channels than the input's " + std::to_string(p.IC);
  if (p.family != KernelFamily::norm || tile == power_of_two_below(tile)) return "";
  return "a norm halves its sums: expected a power of two";
}

std::string dw_ow_refusal(const CpuSchedule& s, const Lowering& p) {
  const bool whole_tiles = s.block.flat() || (!p.has_taps() && !p.dynamic_w());
  if (!whole_tiles || s.depthwise->ow_tile <= p.OW()) return "";
  return "more columns than the output's " + std::to_string(p.OW());
}

std::string pad_refusal(const CpuSchedule& s, const Lowering& p) {
  const DepthwiseCpuSchedule& dw = *s.depthwise;
  if (dw.pad_tile && !p.has_taps()) return "without a window there are no pads";
  if (!dw.pad_tile || inner_layout(dw, p) == Layout::nhwc || p.window.stride_w <= kMostPhases) return "";
  return "in nchw each of a stride's " + std::to_string(p.window.stride_w) +
         " phases is copied by code of its own; at most " + std::to_string(kMostPhases);
}

std::string dw_ku_refusal(const CpuSchedule& s, const Lowering& p) {
  const int unroll = s.depthwise->k_unroll;
  if (unroll == 0 || p.window.KW % unroll == 0) return "";
  return "expected 0 or a divisor of the window's " + std::to_string(p.window.KW) + " columns";
}

std::string cb_refusal(const CpuSchedule& s, const Lowering& p) {
  const DepthwiseCpuSchedule& dw = *s.depthwise;
  if (dw.c_block == 0) return "";
  if (!p.has_taps()) return "without a window each pixel is computed once";
  if (dw.c_block % dw.c_tile != 0) return "expected 0 or a multiple of dw.c=" + std::to_string(dw.c_tile);
  if (p.layout != Layout::nhwc || p.IC < dw.c_tile)
    return "only panels of nhwc's channels can be computed column by column";
  return s.block.pixels == PixelOrder::flat_copied ? "block.flat=1 copies the rows of one panel at a time" : "";
}

std::string vc_refusal(const CpuSchedule& s, const Lowering& p) {
  if (!s.depthwise->vector_c) return "";
  if (p.family != KernelFamily::separable || p.layout == Layout::nhwc || p.is_dynamic())
    return "only for separable problems in nchw with static extents";
  if (!s.depthwise->pad_tile) return "the input is transposed as it is copied: expected dw.pad=1";
  if (!s.pointwise->vector_f) return "the result is transposed as it is stored: expected pw.vf=1";
  if (s.block.ow_block >= p.OW()) return "";
  return "whole rows are copied: expected block.ow of at least " + std::to_string(p.OW());
}

std::string mr_refusal(const CpuSchedule& s, const Lowering& p) {
  if (!s.block.flat() || s.pointwise->mr <= s.block.oh_block * p.OW()) return "";
  return "more pixels than a block's " + std::to_string(s.block.oh_block * p.OW());
}

std::string vf_refusal(const CpuSchedule& s, const Lowering& p) {
  return p.layout == Layout::nhwc && !s.pointwise->vector_f ? "in nhwc pixels do not lie side by side" : "";
}

// The values that searches try.

int middling_rows(const Lowering& p) { return p.dynamic_h() ? 8 : p.OH(); }
int middling_columns(const Lowering& p) { return p.dynamic_w() ? 128 : p.OW(); }

Values either(const Lowering&) { return {0, 1}; }

/// The extents of equal parts, for 1, 2, ... parts: 7, 4, 3, 2, 1 for 7 rows.
Values equal_parts(int extent) {
  std::set<int> parts;
  for (int count = 1; count <= extent; ++count) parts.insert(ceil_div(extent, count));
  return {parts.begin(), parts.end()};
}

Values multiples(int unit, int most) {
  Values values;
  for (int count = 1; count <= most; ++count) values.push_back(unit * count);
  return values;
}

void append(Values& values, const Values& more) { values.insert(values.end(), more.begin(), more.end()); }

Values vectors(const Lowering& p) { return multiples(p.target.lanes, 4); }
Values scalar_side(int extent, const Lowering& p) { return up_to(extent, multiples(1, p.target.rules.most_scalars)); }

/// Whether vectors may lie along channels in nchw: dw.vc.
bool transposable(const Lowering& p) {
  return p.family == KernelFamily::separable && p.layout == Layout::nchw && !p.is_dynamic();
}

Values tried_fuse(const Lowering& p) {
  return p.family == KernelFamily::separable && !p.is_dynamic() ? Values{0, 1} : Values{1};
}

Values tried_flat(const Lowering& p) {
  if (!p.has_pointwise() || p.is_dynamic() || p.OH() == 1) return {0};
  return p.family == KernelFamily::separable ? Values{0, 1, 2} : Values{0, 1};
}

Values tried_oh(const Lowering& p) { return equal_parts(middling_rows(p)); }
Values tried_ow(const Lowering& p) { return equal_parts(middling_columns(p)); }

Values tried_spread(const Lowering& p) {
  const bool nhwc = p.family == KernelFamily::separable && p.layout == Layout::nhwc;
  return nhwc || transposable(p) ? Values{0, 16} : Values{0};
}

// Where either side of the depthwise tile may be the one of vectors, both have the values of both.

Values tried_c(const Lowering& p) {
  const int lanes = p.target.lanes;
  Values values;
  if (p.layout == Layout::nchw) values = up_to(p.IC, powers_of_two(1, kMostChannelsOfColumns));
  if (p.layout == Layout::nhwc || transposable(p))
    append(values, p.IC >= lanes ? up_to(round_up(p.IC, lanes), vectors(p)) : Values{power_of_two_from(p.IC)});
  return values;
}

Values tried_dw_ow(const Lowering& p) {
  const int lanes = p.target.lanes, columns = middling_columns(p);
  Values values;
  if (p.layout == Layout::nchw)
    values = columns >= lanes ? up_to(round_up(columns, lanes), vectors(p)) : Values{power_of_two_below(columns)};
  if (p.layout == Layout::nhwc || transposable(p)) append(values, up_to(columns, {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14}));
  return values;
}

Values tried_dw_ku(const Lowering& p) {
  constexpr int kMost = 33;
  Values values = {0};
  for (int count = 1; count <= std::min(p.window.KW, kMost); ++count)
    if (p.window.KW % count == 0) values.push_back(count);
  return values;
}

Values tried_cb(const Lowering& p) {
  const int lanes = p.target.lanes;
  Values values = {0};
  if (p.layout == Layout::nhwc && p.IC >= lanes)
    for (int count = 1; lanes * count < 2 * p.IC; count *= 2) values.push_back(lanes * count);
  return values;
}

Values tried_vc(const Lowering& p) { return transposable(p) ? Values{0, 1} : Values{0}; }

// In nchw either side of the micro-tile may be the one of vectors.

Values tried_mr(const Lowering& p) {
  Values values = scalar_side(middling_rows(p) * middling_columns(p), p);
  if (p.layout == Layout::nchw) append(values, vectors(p));
  return values;
}

Values tried_nr(const Lowering& p) {
  Values values = vectors(p);
  if (p.layout == Layout::nchw) append(values, scalar_side(p.OC, p));
  return values;
}

Values tried_pw_ku(const Lowering& p) { return up_to(p.IC, {1, 2, 4, 8}); }
Values tried_vf(const Lowering& p) { return p.layout == Layout::nhwc ? Values{1} : Values{0, 1}; }

// What `inspect` says.

std::string cb_words(const DepthwiseCpuSchedule& dw, const Lowering& p) {
  if (dw.c_block == 0) return "";
  return std::to_string(std::min(dw.c_block, round_up(p.IC, dw.c_tile))) + " channels column by column";
}

std::string vc_words(const DepthwiseCpuSchedule& dw, const Lowering&) {
  return dw.vector_c ? "the input is transposed as it is copied, so that vectors lie along channels" : "";
}

using Block = BlockCpuSchedule;
using Depthwise = DepthwiseCpuSchedule;
using Pointwise = PointwiseCpuSchedule;

constexpr ScheduleField<Block> kBlockFields[] = {
    {.name = "fuse",
     .member = &Block::fuse,
     .help = "1: the depthwise result of one block stays in scratch; 0: the result of the whole image does",
     .legal = kEither,
     .refusal = fuse_refusal,
     .tried = tried_fuse,
     .feature = FieldFeature::mode},
    {.name = "flat",
     .member = &Block::pixels,
     .help = "0: tiles of pixels end with their row; 1, 2: blocks are whole rows, and tiles run across row ends (1: "
             "panels are copied, 2: stored in place)",
     .legal = {0, 2},
     .refusal = flat_refusal,
     .tried = tried_flat,
     .feature = FieldFeature::mode},
    {.name = "oh",
     .member = &Block::oh_block,
     .help = "output rows of a block",
     .legal = kAtLeastOne,
     .refusal = oh_refusal,
     .tried = tried_oh,
     .feature = FieldFeature::extent},
    {.name = "ow",
     .member = &Block::ow_block,
     .help = "output columns of a block: all if flat, else a multiple of the register tile's",
     .legal = kAtLeastOne,
     .refusal = ow_refusal,
     .tried = tried_ow,
     .feature = FieldFeature::extent},
    {.name = "spread",
     .member = &Block::spread,
     .help = "nhwc: extra elements between two pixels' channels in scratch, which avoids cache conflicts",
     .legal = {0, kMostSpread},
     .refusal = spread_refusal,
     .tried = tried_spread,
     .feature = FieldFeature::used,
     .neutral = 0},
};

constexpr ScheduleField<Depthwise> kDepthwiseFields[] = {
    {.name = "c",
     .member = &Depthwise::c_tile,
     .help = "channels of the depthwise stage's register tile",
     .legal = kAtLeastOne,
     .refusal = dw_c_refusal,
     .tried = tried_c,
     .feature = FieldFeature::extent},
    {.name = "ow",
     .member = &Depthwise::ow_tile,
     .help = "output columns of the depthwise stage's register tile",
     .legal = kAtLeastOne,
     .refusal = dw_ow_refusal,
     .tried = tried_dw_ow,
     .feature = FieldFeature::extent},
    {.name = "pad",
     .member = &Depthwise::pad_tile,
     .help = "1: the input is copied into a zero-padded tile; 0: bounds are checked at each tap",
     .legal = kEither,
     .refusal = pad_refusal,
     .tried = either,
     .feature = FieldFeature::mode},
    {.name = "ku",
     .member = &Depthwise::k_unroll,
     .help = "taps of a row that are unrolled: a divisor of the window's columns; 0: all of few, one of many",
     .refusal = dw_ku_refusal,
     .tried = tried_dw_ku,
     .feature = FieldFeature::extent,
     .neutral = 0},
    {.name = "cb",
     .member = &Depthwise::c_block,
     .help = "nhwc: channels that are computed together, column by column, so that whole cache lines are used at once; "
             "0: each panel's whole block in turn",
     .refusal = cb_refusal,
     .tried = tried_cb,
     .feature = FieldFeature::extent,
     .neutral = 0,
     .words = cb_words},
    {.name = "vc",
     .member = &Depthwise::vector_c,
     .help = "nchw: 1: the input is transposed as it is copied, and vectors lie along channels",
     .legal = kEither,
     .refusal = vc_refusal,
     .tried = tried_vc,
     .feature = FieldFeature::mode,
     .neutral = 0,
     .words = vc_words},
};

constexpr ScheduleField<Pointwise> kPointwiseFields[] = {
    {.name = "mr",
     .member = &Pointwise::mr,
     .help = "pixels of the micro-tile",
     .legal = kAtLeastOne,
     .refusal = mr_refusal,
     .tried = tried_mr,
     .feature = FieldFeature::extent},
    {.name = "nr",
     .member = &Pointwise::nr,
     .help = "output channels of the micro-tile and of a packed panel",
     .legal = kAtLeastOne,
     .tried = tried_nr,
     .feature = FieldFeature::extent},
    {.name = "ku",
     .member = &Pointwise::k_unroll,
     .help = "reduction steps that are unrolled",
     .legal = kAtLeastOne,
     .tried = tried_pw_ku,
     .feature = FieldFeature::extent},
    {.name = "vf",
     .member = &Pointwise::vector_f,
     .help = "1: vectors lie along output channels; 0: along pixels (nchw only)",
     .legal = kEither,
     .refusal = vf_refusal,
     .tried = tried_vf,
     .feature = FieldFeature::mode},
};

}  // namespace

template <>
std::span<const ScheduleField<Block>> fields_of() {
  return kBlockFields;
}
template <>
std::span<const ScheduleField<Depthwise>> fields_of() {
  return kDepthwiseFields;
}
template <>
std::span<const ScheduleField<Pointwise>> fields_of() {
  return kPointwiseFields;
}

}  // namespace sepconv::generators
