// The blocks of a CPU schedule: rows and columns that one parallel task works on.

#include <algorithm>

#include "generators/schedules/rules_cpu.h"
#include "generators/spec/cpu_costs.h"

namespace sepconv::generators {
namespace {

/// Time of blocks of `rows` whole rows of flat pixels, relative to that of computing each pixel once. A last block of
/// fewer rows has fewer tiles where tiles end where blocks do (split_output); its depthwise stage computes all rows.
double flat_block_cost(const Lowering& p, int rows, int mr) {
  const double all = double(p.OH()) * p.OW(), blocks = ceil_div(p.OH(), rows);
  const int block = rows * p.OW();
  const double tiled = block % mr == 0 ? round_up(p.OH() * p.OW(), mr) : blocks * round_up(block, mr);
  const double depthwise = kRuleCosts.depthwise * p.window.KH * p.window.KW, pointwise = p.OC;
  return (depthwise * blocks * block + pointwise * tiled) / ((depthwise + pointwise) * all);
}

}  // namespace

int even_rows(int rows, std::int64_t most) { return ceil_div(rows, static_cast<int>(ceil_div(rows, most))); }

BlockRows flat_block_rows(const Lowering& p, int mr) {
  const double few = p.layout == Layout::nhwc ? 0.5 : 0.25;
  const std::int64_t row_bytes = sum_bytes(p) * p.OW() * p.middle_channels();
  BlockRows best;
  for (int rows = 1; rows <= p.OH(); ++rows) {
    const double share = double(rows * row_bytes) / static_cast<double>(p.target.l2_bytes);
    if (rows > 1 && share > kRuleCosts.most_of_l2) break;
    double cost = flat_block_cost(p, rows, mr);
    if (share > few) cost *= kRuleCosts.more_of_l2;
    if ((rows >= p.OH()) == (p.flops > kWorthThreads)) cost *= kRuleCosts.unsuitable_threads;
    if (rows == 1 || cost <= best.cost) best = {rows, cost};
  }
  return best;
}

int rows_of_direct_block(const Lowering& p) {
  const std::int64_t row_bytes = sum_bytes(p) * p.OW() * p.middle_channels();
  const std::int64_t weight_bytes = sum_bytes(p) * p.OC * p.middle_channels();
  constexpr double kWeightsInL2 = 0.25, kScratchInL2 = 0.4;
  if (p.target.rules.reuses_weights && double(weight_bytes) > kWeightsInL2 * double(p.target.l2_bytes)) {
    const int most = p.flops > kWorthThreads ? ceil_div(p.OH(), 2) : p.OH();
    const double rows = kScratchInL2 * double(p.target.l2_bytes) / double(row_bytes);
    return even_rows(p.OH(), std::clamp<std::int64_t>(static_cast<std::int64_t>(rows), 1, most));
  }
  const std::int64_t rows = std::clamp<std::int64_t>(p.target.l1_bytes / 2 / row_bytes, 2, std::max(2, p.OH()));
  return even_rows(p.OH(), rows);
}

int columns_of_one_row(const Lowering& p, int mr) {
  constexpr int kUsual = 140, kOfShortSums = 42, kShortSum = 64, kLeastTiles = 5;
  constexpr std::int64_t kNearHalo = 16 << 10;  // bytes of the input that neighbouring blocks share
  const std::int64_t halo = std::int64_t{p.window.KW_eff() - 1} * p.IC * static_cast<std::int64_t>(size_bytes(p.dtype));
  const int K = p.middle_channels();
  const bool few = p.has_depthwise() && K <= kShortSum && (2 * K <= kShortSum || halo <= kNearHalo);
  const int tiles = ceil_div(p.OW(), mr), most = std::max(1, (few ? kOfShortSums : kUsual) / mr);
  for (int count = std::min(most, tiles); count >= std::min(most, kLeastTiles); --count)
    if (tiles % count == 0) return count * mr;
  return mr * ceil_div(tiles, ceil_div(tiles, most));
}

}  // namespace sepconv::generators
