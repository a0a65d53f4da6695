// Offsets are a packing of rectangles, time by bytes, of which only the place along the bytes is free. Each greedy plan
// places the tensors in some order, each into the smallest gap that the ones before leave. The tensor at the peak then
// moves to the front of the order, for as long as that may help.
#include "runtime/core/memory_plan.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "runtime/core/network_graph.h"

namespace sepconv::detail {
namespace {

/// Moves of a block in each order; fewer where a plan of that many blocks takes long.
std::int64_t most_moves(std::size_t blocks) {
  constexpr std::int64_t kMost = 400, kComparisons = 40'000'000;
  const auto count = static_cast<std::int64_t>(blocks);
  return std::clamp(kComparisons / (count * count + 1), std::int64_t{1}, kMost);
}

/// Tensors that share one place: a base, or several of which each is written in place of the one before.
struct Block {
  std::int64_t bytes = 0;
  Lifetime life;
  std::vector<std::int32_t> bases;
};

struct Packing {
  std::vector<std::int64_t> offsets;  // of each block
  std::int64_t bytes = std::numeric_limits<std::int64_t>::max();
  std::size_t peak = 0;  // the block that ends highest
};

/// Places the blocks in that order.
Packing pack(const std::vector<Block>& blocks, const std::vector<std::size_t>& order) {
  Packing packing;
  packing.offsets.assign(blocks.size(), -1);
  packing.bytes = 0;
  std::vector<std::size_t> placed;  // by offset
  for (const std::size_t index : order) {
    const Block& block = blocks[index];
    std::int64_t end = 0, best = -1, best_gap = std::numeric_limits<std::int64_t>::max();
    for (const std::size_t other : placed) {
      if (!blocks[other].life.meets(block.life)) continue;
      const std::int64_t gap = packing.offsets[other] - end;
      if (gap >= block.bytes && gap < best_gap) best = end, best_gap = gap;
      end = std::max(end, packing.offsets[other] + blocks[other].bytes);
    }
    const std::int64_t offset = best >= 0 ? best : end;
    packing.offsets[index] = offset;
    if (offset + block.bytes > packing.bytes) packing.bytes = offset + block.bytes, packing.peak = index;
    const auto above = std::upper_bound(placed.begin(), placed.end(), offset, [&](std::int64_t at, std::size_t other) {
      return at < packing.offsets[other];
    });
    placed.insert(above, index);
  }
  return packing;
}

/// The best of several orders, none of which takes less than `least`.
Packing best_packing(const std::vector<Block>& blocks, std::int64_t least) {
  const auto length = [&](std::size_t i) { return blocks[i].life.last - blocks[i].life.first + std::int64_t{1}; };
  const auto by = [&](auto key) {
    std::vector<std::size_t> order(blocks.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) > key(b); });
    return order;
  };
  const auto bytes = [&](std::size_t i) { return blocks[i].bytes; };
  const std::vector<std::size_t> orders[] = {
      by(bytes), by([&](std::size_t i) { return std::pair(length(i), bytes(i)); }),
      by([&](std::size_t i) { return static_cast<double>(length(i)) * static_cast<double>(bytes(i)); }),
      by([&](std::size_t i) { return std::pair(-std::int64_t{blocks[i].life.first}, bytes(i)); }),
      by([&](std::size_t i) { return std::pair(std::int64_t{blocks[i].life.last}, bytes(i)); })};
  Packing best;
  for (std::vector<std::size_t> order : orders) {
    for (std::int64_t move = 0; move < most_moves(blocks.size()) && best.bytes > least; ++move) {
      Packing packing = pack(blocks, order);
      const auto peak = std::find(order.begin(), order.end(), packing.peak);
      if (packing.bytes < best.bytes) best = std::move(packing);
      if (peak == order.begin() || peak == order.end()) break;
      // Half of the way to the front, and then the rest: blocks that need no other place keep theirs.
      const auto to = move % 2 == 0 ? order.begin() : order.begin() + (peak - order.begin()) / 2;
      std::rotate(to, peak, peak + 1);
    }
  }
  return best;
}

/// The blocks of the bases that lie in the workspace.
std::vector<Block> blocks_of(const NetworkPlan& network, const std::vector<Lifetime>& lives, InPlace in_place) {
  std::vector<std::size_t> block_of(network.tensors.size());
  std::vector<Block> blocks;
  const auto add = [&](std::int32_t base) {
    const auto index = static_cast<std::size_t>(base);
    block_of[index] = blocks.size();
    blocks.push_back({tensor_bytes(network.tensors[index]), lives[index], {base}});
  };
  std::vector<bool> added(network.tensors.size());
  for (std::size_t s = 0; s < network.steps.size(); ++s) {
    const NetworkStep& step = network.steps[s];
    const auto in = static_cast<std::size_t>(network.tensor(step.input).base),
               out = static_cast<std::size_t>(network.tensor(step.output).base);
    if (!lives[out].used() || added[out]) continue;
    added[out] = true;
    const auto now = static_cast<std::int32_t>(s);
    if (lives[in].used() && lives[in].last == now && lives[out].first == now &&
        may_run_in_place(network, step, in_place)) {
      Block& block = blocks[block_of[in]];
      block_of[out] = block_of[in];
      block.life.last = lives[out].last;
      block.bases.push_back(static_cast<std::int32_t>(out));
    } else {
      add(static_cast<std::int32_t>(out));
    }
  }
  return blocks;
}

std::int64_t live_bytes(const NetworkPlan& network, const std::vector<Block>& blocks) {
  std::vector<std::int64_t> change(network.steps.size() + 1);
  for (const Block& block : blocks) {
    change[static_cast<std::size_t>(block.life.first)] += block.bytes;
    change[static_cast<std::size_t>(block.life.last) + 1] -= block.bytes;
  }
  std::int64_t live = 0, most = 0;
  for (const std::int64_t bytes : change) most = std::max(most, live += bytes);
  return most;
}

}  // namespace

std::vector<Lifetime> lifetimes(const NetworkPlan& network) {
  std::vector<Lifetime> lives(network.tensors.size());
  const std::vector<bool> callers = caller_bases(network);
  for (std::size_t s = 0; s < network.steps.size(); ++s) {
    const auto use = [&](std::int32_t tensor) {
      const auto base = static_cast<std::size_t>(network.tensor(tensor).base);
      if (callers[base]) return;
      if (!lives[base].used()) lives[base].first = static_cast<std::int32_t>(s);
      lives[base].last = static_cast<std::int32_t>(s);
    };
    use(network.steps[s].input);
    use(network.steps[s].output);
    for (const std::int32_t operand : network.steps[s].operands) use(operand);
  }
  return lives;
}

std::int64_t largest_live_bytes(const NetworkPlan& network, const std::vector<Lifetime>& lives) {
  return live_bytes(network, blocks_of(network, lives, InPlace::nothing));
}

bool may_run_in_place(const NetworkPlan& network, const NetworkStep& step, InPlace in_place) {
  const ConvProblem& p = step.problem;
  if (in_place == InPlace::nothing || p.stages.size() != 1 || p.stages[0].kind != StageKind::copy ||
      !p.stages[0].window.is_identity() || !p.input_pitches.dense() || !p.output_pitches.dense())
    return false;
  if (in_place == InPlace::plain_copies && !p.stages[0].epilogue.empty()) return false;
  if (!is_elementwise(activation_of(p.stages[0].epilogue).kind)) return false;
  const std::int32_t in = network.tensor(step.input).base, out = network.tensor(step.output).base;
  for (const std::int32_t operand : step.operands)
    if (network.tensor(operand).base == in) return false;
  // Whole bases: then both begin at their offsets and have the same bytes.
  return in != out && step.input == in && step.output == out &&
         tensor_bytes(network.tensor(in)) == tensor_bytes(network.tensor(out));
}

void plan_memory(NetworkPlan& network, InPlace in_place) {
  validate_graph(network);
  const std::vector<Lifetime> lives = lifetimes(network);
  Packing best;
  std::vector<Block> blocks;
  for (const InPlace mode : {in_place, InPlace::nothing}) {
    std::vector<Block> candidate = blocks_of(network, lives, mode);
    Packing packing = best_packing(candidate, live_bytes(network, candidate));
    if (packing.bytes >= best.bytes) continue;
    best = std::move(packing);
    blocks = std::move(candidate);
    if (in_place == InPlace::nothing) break;
  }
  for (NetworkTensor& tensor : network.tensors) tensor.offset_bytes = -1;
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (const std::int32_t base : blocks[i].bases)
      network.tensors[static_cast<std::size_t>(base)].offset_bytes = best.offsets[i];
  network.tensor_bytes = best.bytes;
}

}  // namespace sepconv::detail
