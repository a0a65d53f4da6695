// The rule that picks a schedule for a problem that no table or lockfile knows.

#include <algorithm>
#include <limits>
#include <vector>

#include "spec/schedule.h"

namespace sepconv {
namespace {

/// Bytes of an element of the depthwise result.
std::int64_t sum_bytes(const ConvProblem& p) {
  return static_cast<std::int64_t>(size_bytes(accumulator_type(p.dtype)));
}

bool dilated(const ConvProblem& p) { return p.dilation_h * p.dilation_w > 1; }

/// x86 with 32 vector registers. Its rules for nhwc were measured on a Zen 4 and a Zen 5 (docs/reports).
bool is_avx512(const Target& target) { return target.arch == Arch::x86_64 && target.registers >= 32; }

/// Rows of an image that are worth tiles, and blocks, of their own on AVX-512.
constexpr int kNarrowImage = 32;
constexpr int kFewTaps = 9, kWindowOfRow = 7;

/// A stride whose output rows are still long: neighbouring windows share few inputs, so narrow tiles gain nothing.
bool wide_and_strided(const ConvProblem& p) {
  constexpr int kLongRow = 14;
  return p.stride_h * p.stride_w > 1 && p.OW() > kLongRow;
}

/// Rows of blocks as equal as may be, of at most `most` rows.
int even_rows(int rows, std::int64_t most) { return ceil_div(rows, static_cast<int>(ceil_div(rows, most))); }

constexpr double kWorthThreads = 4e7;  // operations: some 500 microseconds on one core
constexpr int kBlocksForThreads = 8;

struct BlockRows {
  int rows = 1;
  double cost = 0;  // time relative to that of computing each pixel once in one block
};

/// Time of blocks of `rows` whole rows of flat pixels, relative to that of computing each pixel once. A last block of
/// fewer rows has fewer tiles where tiles end where blocks do (split_output); its depthwise stage computes all rows.
double flat_block_cost(const ConvProblem& p, int rows, int mr) {
  constexpr double kDepthwiseCost = 3;  // of a multiply-add, relative to one of the pointwise stage
  const double all = double(p.OH()) * p.OW(), blocks = ceil_div(p.OH(), rows);
  const int block = rows * p.OW();
  const double tiled = block % mr == 0 ? round_up(p.OH() * p.OW(), mr) : blocks * round_up(block, mr);
  const double depthwise = kDepthwiseCost * p.KH * p.KW, pointwise = p.OC;
  return (depthwise * blocks * block + pointwise * tiled) / ((depthwise + pointwise) * all);
}

/// Rows of a block of whole rows of flat pixels: few pixels computed in vain by partial tiles and a partial last block,
/// the depthwise result within L2, part of it where that costs nothing, and more than one block only where the work is
/// worth threads.
BlockRows flat_block_rows(const ConvProblem& p, const Target& target, int mr) {
  constexpr double kThreadingCost = 1.1;            // of one block for much work, or of several for little
  constexpr double kMost = 0.85, kManyCost = 1.02;  // shares of L2; of more than few
  const double few = p.layout == Layout::nhwc ? 0.5 : 0.25;
  const std::int64_t row_bytes = sum_bytes(p) * p.OW() * p.middle_channels();
  BlockRows best;
  for (int rows = 1; rows <= p.OH(); ++rows) {
    const double share = double(rows * row_bytes) / static_cast<double>(target.l2_bytes);
    if (rows > 1 && share > kMost) break;
    double cost = flat_block_cost(p, rows, mr);
    if (share > few) cost *= kManyCost;
    if ((rows >= p.OH()) == (p.flops() > kWorthThreads)) cost *= kThreadingCost;
    if (rows == 1 || cost <= best.cost) best = {rows, cost};
  }
  return best;
}

/// Sums of the pointwise stage that stay in registers: whole vectors along one side, single elements along the other.
struct MicroTile {
  int vectors, scalars;
};

/// Middle channels from which the pixels of a 14-pixel tile push each other, and the packed weights, out of L1.
constexpr int kDeep = 384;

/// AVX-512 in nhwc. Few pixels a tile cost loads of weights, so they pay where rows are short, or sums are.
std::vector<MicroTile> avx512_tiles(const ConvProblem& p, bool flat) {
  constexpr int kShortSum = 64, kMiddlingSum = 128;
  const int K = p.middle_channels();
  const std::vector<MicroTile> all = {{2, 14}, {2, 10}, {2, 8}, {2, 7}};
  if (!p.has_depthwise() || p.OH() == 1) return all;
  if (flat) return {{2, 14}};
  if (p.OW() <= kNarrowImage) return K >= kDeep ? std::vector<MicroTile>{{2, 10}, {2, 7}, {2, 8}, {2, 14}} : all;
  if (K <= kShortSum) return all;
  return K <= kMiddlingSum ? std::vector<MicroTile>{{2, 14}, {2, 10}, {2, 8}} : std::vector<MicroTile>{{2, 14}};
}

/// Tiles that keep the multiply-add units busy, the one with the fewest loads first.
std::vector<MicroTile> micro_tiles(const ConvProblem& p, const Target& target, bool flat) {
  // 24 of the 32 registers, 21 for 3 x 7: A64 multiplies by one element of a register, and LLVM holds several of them
  // at a time; with 28 sums it spills (docs/arm.md).
  if (target.arch == Arch::arm_64) return {{4, 6}, {3, 8}, {3, 7}, {2, 12}};
  if (is_avx512(target))
    return p.layout == Layout::nhwc && !p.is_dynamic() ? avx512_tiles(p, flat) : std::vector<MicroTile>{{2, 14}};
  if (p.layout == Layout::nchw) return {{2, 6}};
  // 7 loads for 12 multiply-adds rather than 8. Where sums are short, registers for what comes before and after them
  // are worth more than a load.
  constexpr int kShortSum = 128;
  if (p.middle_channels() <= kShortSum) return {{3, 4}, {2, 4}};
  return {{3, 4}, {2, 6}, {2, 5}};
}

/// The tile that wastes the fewest sums. `columns`: of a block, or of the image where it has one row, if not flat.
MicroTile best_micro_tile(const ConvProblem& p, const Target& target, bool flat, int columns) {
  const bool nhwc = p.layout == Layout::nhwc;
  const int pixels = flat ? p.OH() * p.OW() : columns;
  const std::vector<MicroTile> tiles = micro_tiles(p, target, flat);
  MicroTile best = tiles.back();  // the narrowest: its many elements serve where the side of vectors is short
  if (!p.has_pointwise()) return best;
  double best_cost = std::numeric_limits<double>::infinity();
  constexpr int kEnoughSums = 12;
  constexpr double kFewerSums = 1.05;  // time of tiles that load more for each multiply-add
  for (const MicroTile& tile : tiles) {
    const int vector_tile = tile.vectors * target.lanes;
    if (!nhwc && vector_tile > pixels) continue;
    const int mr = std::min(nhwc ? tile.scalars : vector_tile, pixels);
    const int nr = nhwc ? vector_tile : std::min(tile.scalars, p.OC);
    const double in_vain_mr = flat ? flat_block_rows(p, target, mr).cost : double(round_up(columns, mr)) / columns;
    const double fewer_sums = tile.vectors * tile.scalars < kEnoughSums ? kFewerSums : 1;
    const double cost = fewer_sums * in_vain_mr * round_up(p.OC, nr) / p.OC;
    constexpr double kWorthMoreLoads = 1.01;
    if (cost * kWorthMoreLoads < best_cost) best = tile, best_cost = cost;
  }
  return best;
}

/// True where rows of the image are whole micro-tiles of `mr` pixels, or nearly so.
bool rows_fit_tiles(const ConvProblem& p, const Target& target, int mr) {
  constexpr double kNearly = 1.05;
  if (!is_avx512(target)) return round_up(p.OW(), mr) <= kNearly * p.OW();
  // A partial tile's stores are guarded, which costs a wide row more than the pixels that it wastes.
  constexpr int kFewPixels = 4;
  mr = std::min(mr, p.OW());
  if (mr < kFewPixels) return false;
  return p.OW() % mr == 0 || (p.OW() <= kNarrowImage && round_up(p.OW(), mr) <= kNearly * p.OW());
}

/// Windows that AVX-512 kernels take from the input itself although they have many taps.
bool reads_many_taps(const ConvProblem& p, const Target& target) {
  constexpr int kFewChannels = 128, kShortSignal = 256, kTapsOfSignal = 33;
  if (!is_avx512(target)) return false;
  if (p.OH() == 1) return p.IC <= kFewChannels && p.OW() <= kShortSignal && p.KW <= kTapsOfSignal;
  if (std::max(p.KH, p.KW) > kWindowOfRow) return false;
  // The pixels of a large window meet in few of L1's sets where they lie a multiple of 1 KiB apart.
  constexpr int kMediumWindow = 25, kApart = 1024;
  const std::int64_t pixel_bytes = p.IC * static_cast<std::int64_t>(size_bytes(p.dtype));
  if (p.KH * p.KW > kMediumWindow && p.OW() > kWindowOfRow && pixel_bytes % kApart == 0) return false;
  return p.has_pointwise() ? p.OW() <= kNarrowImage : !wide_and_strided(p);
}

/// True where the depthwise stage should read the input itself than a copy of each panel's: few taps to test for
/// the border, and rows of all channels that L2 holds, in layers of few channels or of an input that L2 does not hold.
bool reads_input(const ConvProblem& p, const Target& target) {
  if (target.arch != Arch::x86_64 || p.layout != Layout::nhwc || !p.has_depthwise() || p.is_dynamic()) return false;
  const bool many_taps = p.KH * p.KW > kFewTaps;
  if (many_taps && !reads_many_taps(p, target)) return false;
  constexpr int kRows = 2, kColumns = 128, kFewChannels = 128;
  // Where a stride skips inputs, each is read too seldom to be worth a copy.
  if (p.has_pointwise() && p.stride_h * p.stride_w > 1) return true;
  // A dilated window's rows are shared by many blocks, each of which would copy them; but of many channels, its rows
  // are more than L2 holds.
  if (dilated(p)) return p.has_pointwise() ? p.OH() == 1 || p.IC <= kFewChannels : is_avx512(target) && p.OH() > 1;
  if (!p.has_pointwise() || many_taps) return true;
  constexpr double kShareOfL2 = 0.4;
  const std::int64_t stored = static_cast<std::int64_t>(size_bytes(p.dtype));
  const std::int64_t columns = p.OH() == 1 ? std::min(p.IW, kColumns * p.stride_w + p.KW_eff()) : p.IW;
  const std::int64_t rows = std::min(p.IH, p.KH_eff() + (kRows - 1) * p.stride_h);
  const std::int64_t read = rows * columns * p.IC * stored;
  const std::int64_t kept = kRows * columns * p.middle_channels() * sum_bytes(p);
  if (static_cast<double>(read + kept) > kShareOfL2 * static_cast<double>(target.l2_bytes)) return false;
  if (is_avx512(target) && p.OH() > 1) return true;  // whole rows of tiles, or else it is copied anyway
  return p.IC <= kFewChannels || std::int64_t{p.IH} * p.IW * p.IC * stored > target.l2_bytes;
}

/// Rows of a block that reads the input itself: a depthwise result that leaves room in L1, but at least two rows, which
/// share inputs.
int rows_of_direct_block(const ConvProblem& p, const Target& target) {
  const std::int64_t row_bytes = sum_bytes(p) * p.OW() * p.middle_channels();
  const std::int64_t rows = std::clamp<std::int64_t>(target.l1_bytes / 2 / row_bytes, 2, std::max(2, p.OH()));
  return even_rows(p.OH(), rows);
}

constexpr int kRowTile = 7;

/// AVX-512: columns of a tile of one vector that divide the row, next to 7; 0 where two vectors by 4 columns are
/// better.
int avx512_row_tile(const ConvProblem& p, bool direct) {
  constexpr int kLeast = 5, kMost = 14, kManyChannels = 192;
  const bool strided = p.stride_h * p.stride_w > 1;
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
int row_tile(const ConvProblem& p, const Target& target, bool direct) {
  if (target.arch != Arch::x86_64 || p.is_dynamic() || p.IC < target.lanes) return 0;
  if (is_avx512(target)) return avx512_row_tile(p, direct);
  if (p.has_pointwise() || p.OW() % kRowTile != 0 || p.stride_h * p.stride_w > 1) return 0;
  const bool fits = p.KH * p.KW > kFewTaps && p.KW < kRowTile && round_up(p.OW(), 4) > 1.1 * p.OW();
  return direct || fits ? kRowTile : 0;
}

/// Channels that a stage which reads the input computes column by column: all of them, or as many as keep the window's
/// inputs in L1.
int channels_at_once(const ConvProblem& p, const Target& target, const DepthwiseCpuSchedule& dw) {
  constexpr int kFew = 64, kMany = 256, kManyWithPointwise = 192;
  const int all = round_up(p.IC, dw.c_tile);
  if (!is_avx512(target) || p.OH() == 1) return all;
  const bool row_tiles = dw.c_tile == target.lanes;
  const bool few = p.has_pointwise() ? p.middle_channels() >= kManyWithPointwise
                                     : !wide_and_strided(p) && (row_tiles || p.IC > kMany);
  return few ? std::min(all, kFew) : all;
}

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
int vectors_of_rows(const ConvProblem& p, const Target& target, int columns) {
  if (target.arch != Arch::x86_64 || p.is_dynamic() || p.OH() == 1 || p.stride_h * p.stride_w > 1) return 0;
  constexpr int kUsual = 2, kMost = 7;
  for (int vectors = kMost; vectors > kUsual; --vectors)
    if (columns % (vectors * target.lanes) == 0) return vectors;
  return 0;
}

/// @param columns  of a block
/// @param direct   the stage reads the input itself
/// @param copied   its rows are copied, a panel at a time
DepthwiseCpuSchedule depthwise_rule(const ConvProblem& p, const Target& target, int columns, bool direct, bool copied) {
  const int lanes = target.lanes;
  DepthwiseCpuSchedule dw;
  if (p.layout == Layout::nhwc) {
    dw.c_tile = p.IC >= 2 * lanes ? 2 * lanes : p.IC >= lanes ? lanes : power_of_two_below(2 * p.IC - 1);
    dw.ow_tile = std::min(columns, 4);
    if (const int tile = row_tile(p, target, direct)) {
      dw.c_tile = lanes;
      dw.ow_tile = tile;
    }
    dw.k_unroll = unrolled_taps(p.KW);
    dw.pad_tile = !direct && p.stride_h * p.stride_w == 1;
    if (direct && p.IC >= dw.c_tile && !copied) dw.c_block = channels_at_once(p, target, dw);
  } else {
    dw.ow_tile = columns >= 2 * lanes ? 2 * lanes : vector_below(columns, target);
    if (const int whole = vectors_of_rows(p, target, columns)) dw.ow_tile = whole * lanes;
    // Sums that do not wait for each other; and a channel's input is not read while its copy is still in the store
    // buffer, where a vector that straddles two stores would wait for them.
    const int sums = 4, vectors_of_tile = std::max(1, dw.ow_tile / lanes);
    dw.c_tile = std::min(std::max(1, sums / vectors_of_tile), power_of_two_below(p.IC));
    // Beyond it, most inputs are skipped, and a copy of all phases would cost more than the sums.
    constexpr int kWorthPhases = 16;
    dw.pad_tile = p.stride_w <= kWorthPhases;
  }
  return dw;
}

/// @param pixels    of a block
/// @param vector_f  vectors along output channels
PointwiseCpuSchedule pointwise_rule(const ConvProblem& p, const Target& target, const MicroTile& tile, int pixels,
                                    bool vector_f) {
  const int lanes = target.lanes;
  PointwiseCpuSchedule pw;
  if (vector_f) {
    pw.nr = p.OC > lanes ? tile.vectors * lanes : lanes;
    pw.mr = std::min(tile.scalars, pixels);
    // One pixel has too few sums to hide the latency of a multiply-add.
    constexpr int kVectorsOfOnePixel = 6;
    if (is_avx512(target) && pw.mr == 1 && !p.is_dynamic())
      pw.nr = std::min(round_up(p.OC, lanes), kVectorsOfOnePixel * lanes);
  } else {
    pw.mr = pixels >= tile.vectors * lanes ? tile.vectors * lanes : vector_below(pixels, target);
    pw.nr = std::min(tile.scalars, p.OC);
    pw.vector_f = 0;
  }
  pw.k_unroll = std::min(target.arch == Arch::x86_64 && target.registers < 32 ? 4 : 2, p.IC);
  return pw;
}

/// True where a separable problem in nchw was measured to be faster with its input and output transposed than with
/// vectors along pixels: rows that are not whole halves of vectors, and channels that make up for transposing.
bool transposes_input(const ConvProblem& p, const Target& target) {
  if (target.arch != Arch::x86_64 || target.registers >= 32 || p.is_dynamic()) return false;
  if (p.op != ConvOp::separable || p.layout != Layout::nchw || p.OH() == 1) return false;
  constexpr int kFewChannels = 16, kChannels = 96, kChannelsOfStrides = 256;
  // 3x3 to 7x7 images waste most of their vectors.
  if (p.OW() < target.lanes) return p.IC >= kFewChannels;
  const bool uneven = p.OW() % (target.lanes / 2) != 0 && p.OW() < 5 * target.lanes;
  return uneven && p.IC >= (p.stride_h * p.stride_w > 1 ? kChannelsOfStrides : kChannels);
}

CpuSchedule unlimited_schedule(const ConvProblem& problem, const Target& any_target);

/// The schedule of nhwc, for all that lies between the input and the output.
CpuSchedule transposed_schedule(ConvProblem p, const Target& target) {
  p.layout = Layout::nhwc;
  CpuSchedule s = default_cpu_schedule(p, target);
  s.block.flat = kFlatDirect;
  s.block.ow_block = p.OW();
  s.block.oh_block = flat_block_rows(p, target_for_type(target, p.dtype), s.pointwise->mr).rows;
  s.depthwise->pad_tile = s.depthwise->vector_c = 1;
  s.depthwise->c_block = 0;
  return s;
}

/// AVX-512: columns of a block of one row, in whole tiles of `mr` that leave no partial block.
int avx512_columns(const ConvProblem& p, int mr) {
  constexpr int kUsual = 140, kOfShortSums = 42, kShortSum = 64, kLeastTiles = 5;
  constexpr std::int64_t kNearHalo = 16 << 10;  // bytes of the input that neighbouring blocks share
  const std::int64_t halo = std::int64_t{p.KW_eff() - 1} * p.IC * static_cast<std::int64_t>(size_bytes(p.dtype));
  const int K = p.middle_channels();
  const bool few = p.has_depthwise() && K <= kShortSum && (2 * K <= kShortSum || halo <= kNearHalo);
  const int tiles = ceil_div(p.OW(), mr), most = std::max(1, (few ? kOfShortSums : kUsual) / mr);
  for (int count = std::min(most, tiles); count >= std::min(most, kLeastTiles); --count)
    if (tiles % count == 0) return count * mr;
  return mr * ceil_div(tiles, ceil_div(tiles, most));
}

}  // namespace

CpuSchedule default_cpu_schedule(const ConvProblem& problem, const Target& any_target) {
  CpuSchedule s = unlimited_schedule(problem, any_target);
  // A window so wide that a copy of what it reads cannot be addressed reads the input itself.
  if (s.depthwise && s.depthwise->pad_tile && !s.depthwise->vector_c && reject_reason(s, problem, any_target))
    s.depthwise->pad_tile = 0;
  return s;
}

namespace {

CpuSchedule unlimited_schedule(const ConvProblem& problem, const Target& any_target) {
  const ConvProblem p = as_scheduled(problem);
  const Target target = target_for_type(any_target, p.dtype);
  if (transposes_input(p, target)) return transposed_schedule(p, any_target);
  CpuSchedule s;
  const bool nhwc = p.layout == Layout::nhwc, wants_direct = reads_input(p, target);
  const int lanes = target.lanes;
  // A dynamic problem's schedule is made for an image of a middling size.
  const int OH = p.dynamic_h() ? 8 : p.OH(), OW = p.dynamic_w() ? 64 : p.OW();
  const bool many_rows = !p.is_dynamic() && p.has_pointwise() && p.OH() > 1;
  // Tiles that fit the rows need no pixels across their ends.
  const bool whole_rows =
      many_rows && wants_direct && rows_fit_tiles(p, target, best_micro_tile(p, target, false, OW).scalars);
  const bool direct = wants_direct && (whole_rows || !many_rows || dilated(p));
  s.block.flat = !many_rows || whole_rows ? 0 : direct ? kFlatDirect : kFlatCopied;
  const bool one_row = is_avx512(target) && nhwc && !p.is_dynamic() && OH == 1 && p.has_pointwise();
  const auto [vectors, scalars] =
      best_micro_tile(p, target, s.block.flat, many_rows || one_row ? OW : std::min(OW, 128));
  const int columns = many_rows ? OW : one_row ? avx512_columns(p, std::min(scalars, OW)) : std::min(OW, 128);
  s.block.ow_block = columns;
  bool vector_f = nhwc;
  if (s.block.flat) {
    const auto block = [&](int mr) { return flat_block_rows(p, target, std::min(mr, OH * OW)); };
    BlockRows best = block(nhwc ? scalars : vectors * lanes);
    // Tiles of few pixels may compute so few in vain that they make up for transposing.
    constexpr double kTransposing = 1.15;  // of the time; 0.95 to 1.4 measured
    if (!nhwc && p.op == ConvOp::separable && p.OC >= vectors * lanes) {
      const BlockRows transposed = block(scalars);
      vector_f = kTransposing * transposed.cost < best.cost;
      if (vector_f) best = transposed;
    }
    s.block.oh_block = best.rows;
  } else if (whole_rows) {
    s.block.oh_block = rows_of_direct_block(p, target);
    // Pixels 2 KiB apart, or a multiple of it, would share few of L1's sets.
    constexpr int kSpread = 16, kPage = 2048;
    if (is_avx512(target) && p.middle_channels() * sum_bytes(p) % kPage == 0) s.block.spread = kSpread;
  } else {
    const std::int64_t row_bytes = sum_bytes(p) * columns * p.middle_channels();
    std::int64_t rows = target.l2_bytes / 2 / row_bytes;
    // Rows of the input that two blocks share are copied by both; a depthwise stage alone keeps no result in scratch.
    constexpr int kRowsForEachShared = 4;
    if (!p.has_pointwise()) rows = std::max<std::int64_t>(rows, kRowsForEachShared * (p.KH_eff() - 1) / p.stride_h);
    if (direct && !p.has_pointwise()) rows = p.flops() > kWorthThreads ? ceil_div(OH, kBlocksForThreads) : OH;
    // Channel by channel, a row of all channels is never in use at once.
    if (!nhwc && !p.has_pointwise()) rows = p.flops() > kWorthThreads ? ceil_div(OH, kBlocksForThreads / 2) : OH;
    rows = std::clamp<std::int64_t>(rows, 1, OH);
    s.block.oh_block = even_rows(OH, rows);
  }
  const int pixels = s.block.flat ? s.block.oh_block * OW : columns;

  if (p.has_depthwise()) s.depthwise = depthwise_rule(p, target, columns, direct, s.block.flat == kFlatCopied);
  if (p.has_pointwise()) s.pointwise = pointwise_rule(p, target, {vectors, scalars}, pixels, vector_f);
  if (!s.block.flat) s.block.ow_block = round_up(columns, s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  return s;
}

}  // namespace

}  // namespace sepconv
