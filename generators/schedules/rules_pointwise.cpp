// The pointwise stage of a CPU schedule: its micro-tile.

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "generators/schedules/rules_cpu.h"
#include "generators/spec/cpu_costs.h"

namespace sepconv::generators {
namespace {

bool fits(TileCase problems, const Lowering& p) {
  switch (problems) {
    case TileCase::any: return true;
    case TileCase::nchw: return p.layout == Layout::nchw;
    case TileCase::dynamic: return p.is_dynamic();
    case TileCase::stem: return p.family == KernelFamily::conv && p.IC <= kStemChannels;
  }
  return false;
}

/// Tiles that keep the multiply-add units busy, the one with the fewest loads first.
std::span<const MicroTile> micro_tiles(const Lowering& p) {
  const int terms = p.middle_channels();
  for (const MicroTiles& line : p.target.rules.micro_tiles)
    if (terms >= line.least_terms && terms <= line.most_terms && fits(line.problems, p)) return line.tiles;
  throw std::logic_error("target " + p.target.name + " has no micro-tiles for sums of " + std::to_string(terms) +
                         " terms");
}

/// True where the tile is the only one of a row and leaves but one register: LLVM then keeps addresses in registers
/// across the reduction, and sums on the stack.
bool spills(const Lowering& p, const MicroTile& tile, bool flat, int columns) {
  const int used = tile.vectors * tile.scalars + tile.vectors + 1;
  return p.layout == Layout::nhwc && !flat && columns == tile.scalars && used >= p.target.registers - 1;
}

/// Of a multiply-add with its share of the tile's loads: each pixel's value for all vectors, each vector of weights for
/// all pixels.
double cost_with_loads(const Lowering& p, const MicroTile& tile, int pixels) {
  const RulePolicy& rules = p.target.rules;
  const std::int64_t panel_bytes = sum_bytes(p) * p.middle_channels() * tile.vectors * p.target.lanes;
  const double weights = 2 * panel_bytes > p.target.l1_bytes ? rules.l2_load_cost : rules.load_cost;
  return 1 + rules.load_cost / tile.vectors + weights / std::min(tile.scalars, pixels);
}

}  // namespace

MicroTile best_micro_tile(const Lowering& p, bool flat, int columns) {
  const bool nhwc = p.layout == Layout::nhwc;
  const int pixels = flat ? p.OH() * p.OW() : columns;
  const std::span<const MicroTile> tiles = micro_tiles(p);
  MicroTile best = tiles.back();  // where vectors are longer than their side of the problem
  if (!p.has_pointwise()) return best;
  double best_cost = std::numeric_limits<double>::infinity();
  constexpr int kEnoughSums = 12;
  for (const MicroTile& tile : tiles) {
    if (spills(p, tile, flat, columns)) continue;
    const int vector_tile = tile.vectors * p.target.lanes;
    if (!nhwc && vector_tile > pixels) continue;
    const int mr = std::min(nhwc ? tile.scalars : vector_tile, pixels);
    const int nr = nhwc ? vector_tile : std::min(tile.scalars, p.OC);
    const double in_vain_mr = flat ? flat_block_rows(p, mr).cost : double(round_up(columns, mr)) / columns;
    const double partial = !flat && columns % mr != 0 ? p.target.rules.partial_tiles : 1;
    const double fewer_sums = tile.vectors * tile.scalars < kEnoughSums ? kRuleCosts.fewer_sums : 1;
    const double cost =
        cost_with_loads(p, tile, pixels) * fewer_sums * in_vain_mr * partial * round_up(p.OC, nr) / p.OC;
    if (cost * kRuleCosts.worth_more_loads < best_cost) best = tile, best_cost = cost;
  }
  return best;
}

bool rows_fit_tiles(const Lowering& p, int mr) {
  constexpr double kNearly = 1.05;
  if (!p.target.rules.exact_row_tiles) return round_up(p.OW(), mr) <= kNearly * p.OW();
  // A partial tile's stores are guarded, which costs a wide row more than the pixels that it wastes.
  constexpr int kFewPixels = 4;
  mr = std::min(mr, p.OW());
  if (mr < kFewPixels) return false;
  return p.OW() % mr == 0 || (p.OW() <= kNarrowImage && round_up(p.OW(), mr) <= kNearly * p.OW());
}

PointwiseCpuSchedule pointwise_rule(const Lowering& p, const MicroTile& tile, int pixels, bool vector_f) {
  const int lanes = p.target.lanes;
  PointwiseCpuSchedule pw;
  if (vector_f) {
    pw.nr = p.OC > lanes ? tile.vectors * lanes : lanes;
    pw.mr = std::min(tile.scalars, pixels);
    // One pixel has too few sums to hide the latency of a multiply-add.
    constexpr int kVectorsOfOnePixel = 6;
    if (p.target.rules.wide_single_pixels && pw.mr == 1 && !p.is_dynamic())
      pw.nr = std::min(round_up(p.OC, lanes), kVectorsOfOnePixel * lanes);
  } else {
    pw.mr = pixels >= tile.vectors * lanes ? tile.vectors * lanes : vector_below(pixels, p.target);
    pw.nr = std::min(tile.scalars, p.OC);
    pw.vector_f = false;
  }
  pw.k_unroll = std::min(p.target.rules.pointwise_unroll, p.IC);
  return pw;
}

}  // namespace sepconv::generators
