// The depthwise stage of a CPU schedule: what it reads, and its register tile.

#include <algorithm>

#include "generators/schedules/rules_cpu.h"

namespace sepconv::generators {
namespace {

constexpr int kFewTaps = 9, kWindowOfRow = 7, kRowTile = 7;

/// A stride whose output rows are still long: neighbouring windows share few inputs, so narrow tiles gain nothing.
bool wide_and_strided(const Lowering& p) {
  constexpr int kLongRow = 14;
  return p.window.stride_h * p.window.stride_w > 1 && p.OW() > kLongRow;
}

/// Windows of more than few taps that kernels read from the input itself if the target does so for many taps.
bool reads_many_taps(const Lowering& p) {
  constexpr int kFewChannels = 128, kShortSignal = 256, kTapsOfSignal = 33;
  if (p.OH() == 1) return p.IC <= kFewChannels && p.OW() <= kShortSignal && p.window.KW <= kTapsOfSignal;
  if (std::max(p.window.KH, p.window.KW) > kWindowOfRow) return false;
  // The pixels of a large window meet in few of L1's sets where they lie a multiple of 1 KiB apart.
  constexpr int kMediumWindow = 25, kApart = 1024;
  const std::int64_t pixel_bytes = p.IC * static_cast<std::int64_t>(size_bytes(p.dtype));
  if (p.window.KH * p.window.KW > kMediumWindow && p.OW() > kWindowOfRow && pixel_bytes % kApart == 0) return false;
  return p.has_pointwise() ? p.OW() <= kNarrowImage : !wide_and_strided(p);
}

/// RowTiles::divisors: columns of a tile of one vector that divide the row, next to 7; 0 where two vectors by 4 columns
/// are better.
int dividing_row_tile(const Lowering& p, bool direct) {
  constexpr int kLeast = 5, kMost = 14, kManyChannels = 192;
  const bool strided = p.window.stride_h * p.window.stride_w > 1;
  if (!direct || p.OH() == 1) return 0;
  if (p.has_pointwise()) {
    const bool narrow = p.OW() % kRowTile == 0 && p.OW() <= kNarrowImage;
    return narrow && !strided && p.middle_channels() >= kManyChannels ? kRowTile : 0;
  }
  if (wide_and_strided(p)) return 0;
  for (int distance = 0; distance <= kMost - kRowTile; ++distance)
    for (const int columns : {kRowTile + distance, kRowTile - distance})
      if (columns >= kLeast && p.OW() % columns == 0) return columns;
  return 0;
}

/// Columns of a tile of one vector of channels, where such tiles are better than two vectors by 4 columns; else 0.
int row_tile(const Lowering& p, bool direct) {
  const RowTiles wanted = p.target.rules.row_tiles;
  if (wanted == RowTiles::none || p.is_dynamic() || p.IC < p.target.lanes) return 0;
  if (wanted == RowTiles::divisors) return dividing_row_tile(p, direct);
  if (p.has_pointwise() || p.OW() % kRowTile != 0 || p.window.stride_h * p.window.stride_w > 1) return 0;
  const bool fits =
      p.window.KH * p.window.KW > kFewTaps && p.window.KW < kRowTile && round_up(p.OW(), 4) > 1.1 * p.OW();
  return direct || fits ? kRowTile : 0;
}

/// Channels that a stage which reads the input computes column by column: all of them, or as many as keep the window's
/// inputs in L1.
int channels_at_once(const Lowering& p, const DepthwiseCpuSchedule& dw) {
  constexpr int kFew = 64, kMany = 256, kManyWithPointwise = 192;
  const int all = round_up(p.IC, dw.c_tile);
  if (!p.target.rules.channel_blocks || p.OH() == 1) return all;
  const bool row_tiles = dw.c_tile == p.target.lanes;
  const bool few = p.has_pointwise() ? p.middle_channels() >= kManyWithPointwise
                                     : !wide_and_strided(p) && (row_tiles || p.IC > kMany);
  return few ? std::min(all, kFew) : all;
}

/// Multipliers whose sums a tile has: all of them in a layer of its own, else one.
int multipliers_of_tile(const Lowering& p) { return p.has_pointwise() ? 1 : p.depth_multiplier; }

/// Taps of a row that are unrolled: 0, all of them, where they are few; else a divisor that spares most of the loop and
/// lets a tap's inputs be the next one's.
int unrolled_taps(int KW) {
  constexpr int kFew = 7, kMany = 33;
  if (KW <= kFew) return 0;
  for (int count = 3; count <= std::min(KW, kMany); ++count)
    if (KW % count == 0) return count;
  return 0;
}

/// Vectors of the widest tile of columns in nchw that leaves no part of a row over and whose sums stay in registers, if
/// it is wider than usual: every tile reads its borders again. Else 0.
int vectors_of_rows(const Lowering& p, int columns) {
  if (!p.target.rules.wide_columns_nchw || p.is_dynamic() || p.OH() == 1 || p.window.stride_h * p.window.stride_w > 1)
    return 0;
  constexpr int kUsual = 2, kMost = 7;
  for (int vectors = kMost; vectors > kUsual; --vectors)
    if (columns % (vectors * p.target.lanes) == 0) return vectors;
  return 0;
}

}  // namespace

bool reads_input(const Lowering& p) {
  const DirectInput wanted = p.target.rules.direct_input;
  if (wanted == DirectInput::never || p.layout != Layout::nhwc || !p.has_depthwise() || p.is_dynamic()) return false;
  const bool allows_many = wanted == DirectInput::many_taps, many_taps = p.window.KH * p.window.KW > kFewTaps;
  if (many_taps && !(allows_many && reads_many_taps(p))) return false;
  constexpr int kRows = 2, kColumns = 128, kFewChannels = 128;
  // Where a stride skips inputs, each is read too seldom to be worth a copy.
  if (p.has_pointwise() && p.window.stride_h * p.window.stride_w > 1) return true;
  // A dilated window's rows are shared by many blocks, each of which would copy them; but of many channels, its rows
  // are more than L2 holds.
  if (dilated(p)) return p.has_pointwise() ? p.OH() == 1 || p.IC <= kFewChannels : allows_many && p.OH() > 1;
  if (!p.has_pointwise() || many_taps) return true;
  constexpr double kShareOfL2 = 0.4;
  const std::int64_t stored = static_cast<std::int64_t>(size_bytes(p.dtype));
  const std::int64_t columns = p.OH() == 1 ? std::min(p.IW, kColumns * p.window.stride_w + p.window.KW_eff()) : p.IW;
  const std::int64_t rows = std::min(p.IH, p.window.KH_eff() + (kRows - 1) * p.window.stride_h);
  const std::int64_t read = rows * columns * p.IC * stored;
  const std::int64_t kept = kRows * columns * p.middle_channels() * sum_bytes(p);
  if (static_cast<double>(read + kept) > kShareOfL2 * static_cast<double>(p.target.l2_bytes)) return false;
  if (allows_many && p.OH() > 1) return true;  // whole rows of tiles, or else it is copied anyway
  return p.IC <= kFewChannels || std::int64_t{p.IH} * p.IW * p.IC * stored > p.target.l2_bytes;
}

DepthwiseCpuSchedule depthwise_rule(const Lowering& p, int columns, bool direct, bool copied) {
  const int lanes = p.target.lanes;
  DepthwiseCpuSchedule dw;
  if (p.layout == Layout::nhwc) {
    dw.c_tile = p.IC >= 2 * lanes ? 2 * lanes : p.IC >= lanes ? lanes : power_of_two_below(2 * p.IC - 1);
    dw.ow_tile = std::min(columns, 4);
    if (const int tile = row_tile(p, direct)) {
      dw.c_tile = lanes;
      dw.ow_tile = tile;
    }
    dw.k_unroll = unrolled_taps(p.window.KW);
    dw.pad_tile = !direct && p.window.stride_h * p.window.stride_w == 1;
    if (const int multipliers = multipliers_of_tile(p); multipliers > 1) {
      dw.c_tile = std::min(dw.c_tile, lanes);
      dw.ow_tile = std::clamp(p.target.registers / 2 / multipliers, 1, dw.ow_tile);
    }
    if (direct && p.IC >= dw.c_tile && !copied) dw.c_block = channels_at_once(p, dw);
  } else {
    dw.ow_tile = columns >= 2 * lanes ? 2 * lanes : vector_below(columns, p.target);
    if (const int whole = vectors_of_rows(p, columns)) dw.ow_tile = whole * lanes;
    // Sums that do not wait for each other; and a channel's input is not read while its copy is still in the store
    // buffer, where a vector that straddles two stores would wait for them.
    const int sums = 4, vectors_of_tile = std::max(1, dw.ow_tile / lanes);
    dw.c_tile = std::min(std::max(1, sums / (vectors_of_tile * multipliers_of_tile(p))), power_of_two_below(p.IC));
    // Beyond it, most inputs are skipped, and a copy of all phases would cost more than the sums.
    constexpr int kWorthPhases = 16;
    dw.pad_tile = p.window.stride_w <= kWorthPhases;
  }
  return dw;
}

}  // namespace sepconv::generators
