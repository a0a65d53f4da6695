// The rule that picks a schedule for a problem that no table or lockfile knows.

#include "generators/schedules/rules_cpu.h"

#include <algorithm>

#include "generators/spec/cpu_costs.h"

namespace sepconv::generators {
namespace {

constexpr int kBlocksForThreads = 8;

/// True where a separable problem in nchw was measured to be faster with its input and output transposed than with
/// vectors along pixels: rows that are not whole halves of vectors, and channels that make up for transposing.
bool transposes_input(const Lowering& p) {
  if (!p.target.rules.transposes_nchw || p.is_dynamic()) return false;
  if (p.family != KernelFamily::separable || p.layout != Layout::nchw || p.OH() == 1) return false;
  constexpr int kFewChannels = 16, kChannels = 96, kChannelsOfStrides = 256;
  // 3x3 to 7x7 images waste most of their vectors.
  if (p.OW() < p.target.lanes) return p.IC >= kFewChannels;
  const bool uneven = p.OW() % (p.target.lanes / 2) != 0 && p.OW() < 5 * p.target.lanes;
  return uneven && p.IC >= (p.window.stride_h * p.window.stride_w > 1 ? kChannelsOfStrides : kChannels);
}

/// The schedule of nhwc, for all that lies between the input and the output.
CpuSchedule transposed_schedule(Lowering p) {
  p.layout = Layout::nhwc;
  CpuSchedule s = default_cpu_schedule(p);
  s.block.pixels = PixelOrder::flat_direct;
  s.block.ow_block = p.OW();
  s.block.oh_block = flat_block_rows(p, s.pointwise->mr).rows;
  s.depthwise->pad_tile = s.depthwise->vector_c = true;
  s.depthwise->c_block = 0;
  return s;
}

CpuSchedule unlimited_schedule(const Lowering& p) {
  if (transposes_input(p)) return transposed_schedule(p);
  if (p.family == KernelFamily::conv) return conv_rule(p);
  if (!p.has_taps()) return pixels_rule(p);
  CpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc, wants_direct = reads_input(p);
  const int lanes = p.target.lanes;
  const int OH = middling_rows(p), OW = middling_columns(p);
  const bool many_rows = !p.is_dynamic() && p.has_pointwise() && p.OH() > 1 && !p.rows_apart();
  // Tiles that fit the rows need no pixels across their ends.
  const bool whole_rows = many_rows && wants_direct && rows_fit_tiles(p, best_micro_tile(p, false, OW).scalars);
  const bool direct = wants_direct && (whole_rows || !many_rows || dilated(p));
  s.block.pixels = !many_rows || whole_rows ? PixelOrder::rows
                   : direct                 ? PixelOrder::flat_direct
                                            : PixelOrder::flat_copied;
  const bool one_row = p.target.rules.whole_tiles_of_one_row && nhwc && !p.is_dynamic() && OH == 1 && p.has_pointwise();
  const auto [vectors, scalars] = best_micro_tile(p, s.block.flat(), many_rows || one_row ? OW : std::min(OW, 128));
  const int columns = many_rows ? OW : one_row ? columns_of_one_row(p, std::min(scalars, OW)) : std::min(OW, 128);
  s.block.ow_block = columns;
  bool vector_f = nhwc;
  if (s.block.flat()) {
    const auto block = [&](int mr) { return flat_block_rows(p, std::min(mr, OH * OW)); };
    BlockRows best = block(nhwc ? scalars : vectors * lanes);
    // Tiles of few pixels may waste so few that this makes up for transposing.
    if (!nhwc && p.family == KernelFamily::separable && p.OC >= vectors * lanes) {
      const BlockRows transposed = block(scalars);
      vector_f = kRuleCosts.transposing * transposed.cost < best.cost;
      if (vector_f) best = transposed;
    }
    s.block.oh_block = best.rows;
  } else if (whole_rows) {
    s.block.oh_block = rows_of_direct_block(p);
    // Pixels 2 KiB apart, or a multiple of it, would share few of L1's sets.
    constexpr int kSpread = 16, kPage = 2048;
    if (p.target.rules.spreads_pixels && p.middle_channels() * sum_bytes(p) % kPage == 0) s.block.spread = kSpread;
  } else {
    const std::int64_t row_bytes = sum_bytes(p) * columns * p.middle_channels();
    std::int64_t rows = p.target.l2_bytes / 2 / row_bytes;
    // Rows of the input that two blocks share are copied by both; a depthwise stage alone keeps no result in scratch.
    if (!p.has_pointwise())
      rows = std::max<std::int64_t>(rows, kRowsForEachShared * (p.window.KH_eff() - 1) / p.window.stride_h);
    if (direct && !p.has_pointwise()) rows = p.flops > kWorthThreads ? ceil_div(OH, kBlocksForThreads) : OH;
    // Channel by channel, a row of all channels is never in use at once.
    if (!nhwc && !p.has_pointwise()) rows = p.flops > kWorthThreads ? ceil_div(OH, kBlocksForThreads / 2) : OH;
    rows = std::clamp<std::int64_t>(rows, 1, OH);
    s.block.oh_block = even_rows(OH, rows);
  }
  const int pixels = s.block.flat() ? s.block.oh_block * OW : columns;

  if (p.has_depthwise()) s.depthwise = depthwise_rule(p, columns, direct, s.block.pixels == PixelOrder::flat_copied);
  if (p.has_pointwise()) s.pointwise = pointwise_rule(p, {vectors, scalars}, pixels, vector_f);
  if (!s.block.flat()) s.block.ow_block = round_up(columns, s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  return s;
}

}  // namespace

CpuSchedule default_cpu_schedule(const Lowering& p) {
  CpuSchedule s = unlimited_schedule(p);
  // A window so wide that a copy of what it reads cannot be addressed reads the input itself.
  if (s.depthwise && s.depthwise->pad_tile && !s.depthwise->vector_c && reject_reason(s, p))
    s.depthwise->pad_tile = false;
  return s;
}

}  // namespace sepconv::generators
