// Blocks of equal work for the threads of a call.

#include <algorithm>
#include <functional>
#include <queue>
#include <vector>

#include "generators/spec/cpu_costs.h"
#include "generators/spec/schedule.h"

namespace sepconv::generators {
namespace {

/// Work of a block of `rows` x `columns` output pixels, in multiply-adds of the pointwise stage.
double block_work(const CpuSchedule& s, const Lowering& p, int rows, int columns) {
  const BlockCpuSchedule& block = s.block;
  double work = 0;
  if (s.depthwise) {
    // A partial block of flat pixels computes the depthwise result of a whole one.
    const int computed = block.flat() ? block.oh_block : rows;
    const double pixels = double(computed) * round_up(columns, s.depthwise->ow_tile);
    work += kRuleCosts.depthwise * p.window.KH * p.window.KW * p.middle_channels() * pixels;
    const double inputs = (double(computed - 1) * p.window.stride_h + p.window.KH_eff()) *
                          (double(columns - 1) * p.window.stride_w + p.window.KW_eff());
    if (s.depthwise->pad_tile) work += kRuleCosts.copied_input * p.IC * inputs;
  }
  if (s.pointwise) {
    const int mr = s.pointwise->mr, whole = block.oh_block * columns;
    double pixels = double(rows) * round_up(columns, mr);
    if (block.flat()) pixels = round_up(whole % mr == 0 ? rows * columns : whole, mr);
    work += double(p.middle_channels()) * round_up(p.OC, s.pointwise->nr) * (pixels + kRuleCosts.pixels_of_block);
  }
  return work;
}

/// Work until the last of the threads, which take block after block, is done.
double time_of_blocks(const CpuSchedule& s, const Lowering& p, int threads) {
  const int across = ceil_div(p.OW(), s.block.ow_block), down = ceil_div(p.OH(), s.block.oh_block);
  std::priority_queue<double, std::vector<double>, std::greater<>> done;
  for (int i = 0; i < threads; ++i) done.push(0);
  double last = 0;
  for (int y = 0; y < down; ++y) {
    for (int x = 0; x < across; ++x) {
      const double end = done.top() + block_work(s, p, std::min(s.block.oh_block, p.OH() - y * s.block.oh_block),
                                                 std::min(s.block.ow_block, p.OW() - x * s.block.ow_block));
      done.pop();
      done.push(end);
      last = std::max(last, end);
    }
  }
  return last + (across * down > 1 ? kRuleCosts.fork : 0);
}

}  // namespace

CpuSchedule blocks_for_threads(const CpuSchedule& schedule, const Lowering& p, int threads) {
  if (threads <= 1 || p.is_dynamic() || !schedule.block.fuse) return schedule;
  const auto fits = [&](const BlockCpuSchedule& block) {
    if (p.family != KernelFamily::separable) return true;
    const std::int64_t pixels = std::int64_t{block.oh_block} * std::min(block.ow_block, p.OW());
    const std::int64_t bytes = static_cast<std::int64_t>(size_bytes(accumulator_type(p.dtype)));
    return double(bytes * pixels * p.middle_channels()) <=
           kRuleCosts.most_of_l2 * static_cast<double>(p.target.l2_bytes);
  };
  CpuSchedule best = schedule;
  double best_time = time_of_blocks(schedule, p, threads);
  const auto consider = [&](const CpuSchedule& s) {
    const double time = time_of_blocks(s, p, threads);
    if (time * kRuleCosts.worth_a_change >= best_time || !fits(s.block) || reject_reason(s, p)) return;
    best = s;
    best_time = time;
  };
  CpuSchedule s = schedule;
  for (int rows = p.OH(); p.OH() > 1 && rows >= 1; --rows) {
    s.block.oh_block = rows;
    consider(s);
  }
  // One row is cut into columns.
  const int tile = s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile;
  for (int parts = 1; p.OH() == 1 && parts <= 4 * threads; ++parts) {
    s.block.ow_block = round_up(ceil_div(p.OW(), parts), tile);
    consider(s);
  }
  return best;
}

}  // namespace sepconv::generators
