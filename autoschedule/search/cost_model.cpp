#include "cost_model.h"

#include <algorithm>
#include <cmath>

#include "spec/gpu_estimate.h"
#include "spec/integers.h"
#include "spec/schedule.h"

namespace sepconv {
namespace {

// A core of the last ten years: two multiply-adds a cycle, a chain of sums advances every four. Most other figures are
// those of a non-negative least-squares fit to 6,400 trials of 105 layers on one AMD EPYC with AVX2, rounded.
constexpr double kFmaPerCycle = 2, kLoadsPerCycle = 2, kFmaLatency = 4;
constexpr double kDepthwiseLoadsPerCycle = 3;  // most of them are operands of multiply-adds
constexpr double kL2BytesPerCycle = 32, kBeyondBytesPerCycle = 16;
constexpr double kStreamedBytesPerCycle = 64;             // of weights and tiles, which are read ahead in time
constexpr double kLineBytes = 64, kPageRun = 256;         // shorter runs of an input from beyond L2 cost more ...
constexpr double kPowerOfTwoPitch = 256;                  // ... above all where pixels lie multiples of this apart
constexpr double kCopy = 2.5, kTransposingCopy = 10;      // cycles of a vector
constexpr double kFlatCopy = 3, kFlatStore = 9;           // cycles of a vector that becomes flat pixels
constexpr double kTileOverhead = 8, kStepOverhead = 0.5;  // cycles of a tile's and of an unrolled step's loop
constexpr double kRowOverhead = 6;                        // cycles of a row of taps
constexpr double kSpill = 6;                              // cycles of a sum that does not fit the registers, each time
constexpr double kExponential = 44;                       // cycles of a vector's activation with an exponential

/// Cycles to read so many bytes again and again from the cache that holds `footprint` bytes.
double read_cycles(double bytes, double footprint, const Target& target, double l2_rate = kL2BytesPerCycle,
                   double beyond_rate = kBeyondBytesPerCycle) {
  if (footprint <= 0.75 * double(target.l1_bytes)) return 0;
  return bytes / (footprint <= 0.75 * double(target.l2_bytes) ? l2_rate : beyond_rate);
}

/// Cycles of sums that have no register: two operands and an address stream leave the rest.
double spill_cycles(const RegisterTile& tile, const Target& target) {
  constexpr int kOperands = 3;
  return kSpill * std::max(0, tile.sums() + kOperands - target.registers);
}

/// Factor of the bytes that are moved when runs of `run` bytes of each pixel are read at a time.
double short_runs(double run, double pixel) {
  if (run >= kPageRun || run >= pixel) return 1;
  const double lines = std::max(kLineBytes / run, 1.0) + 0.25;
  const auto pitch = static_cast<std::int64_t>(pixel);
  const std::int64_t power = std::min<std::int64_t>(pitch & -pitch, 4096);  // distances share the sets of a cache
  return lines + (double(power) >= kPowerOfTwoPitch ? double(power) / 1024 : 0);
}

bool has_exponential(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::elu:
    case ActivationKind::selu:
    case ActivationKind::celu:
    case ActivationKind::sigmoid:
    case ActivationKind::tanh:
    case ActivationKind::silu:
    case ActivationKind::gelu:
    case ActivationKind::gelu_tanh:
    case ActivationKind::softplus:
    case ActivationKind::exponential:
    case ActivationKind::mish:
    case ActivationKind::log_sigmoid:
    case ActivationKind::tanh_shrink: return true;
    default: return false;
  }
}

struct BlockCount {
  double blocks, pixels, tiles;  // blocks of an image; of a full block: its pixels and register tiles
};

BlockCount count_blocks(const BlockCpuSchedule& s, int OH, int OW, int tile) {
  if (s.flat) {
    const int pixels = s.oh_block * OW;
    return {double(ceil_div(OH, s.oh_block)), double(pixels), double(ceil_div(pixels, tile))};
  }
  const int columns = std::min(s.ow_block, OW);
  return {double(ceil_div(OH, s.oh_block)) * ceil_div(OW, s.ow_block), double(s.oh_block) * columns,
          double(s.oh_block) * ceil_div(columns, tile)};
}

/// Channels of one pixel that a panel reads: all, where panels do not divide them.
int depthwise_run(const DepthwiseCpuSchedule& dw, const ConvProblem& p) {
  return p.IC % dw.c_tile == 0 ? dw.c_tile : p.IC;
}

/// Factor of the loads where taps are read from the image itself: tiles at its sides test whether each tap lies in it,
/// and all do where vectors lie along columns, or a block has too few tiles for an inner part without tests.
double checked_taps(int columns, const DepthwiseCpuSchedule& dw, bool vectors_c) {
  constexpr double kChecked = 3;
  const double tiles = ceil_div(columns, dw.ow_tile);
  return vectors_c ? 1 + (kChecked - 1) * std::min(1.0, 2 / tiles) : kChecked;
}

CostParts cpu_cost(const CpuSchedule& s, const ConvProblem& any, const Target& target, int threads) {
  ConvProblem p = any;
  if (p.is_dynamic()) {  // a middling size
    if (p.dynamic_h()) p.IH = 8 * p.stride_h + p.KH_eff() - 1;
    if (p.dynamic_w()) p.IW = 64 * p.stride_w + p.KW_eff() - 1;
    for (std::int32_t* pad : {&p.pad_top, &p.pad_bottom, &p.pad_left, &p.pad_right}) *pad = std::max(*pad, 0);
  }
  const int OH = p.OH(), OW = p.OW(), K = p.middle_channels();
  const bool nhwc = p.layout == Layout::nhwc;
  const double element = double(size_bytes(accumulator_type(p.dtype)));
  const double stored = double(size_bytes(p.dtype)), pixels = double(OH) * OW;
  CostParts cost;
  const BlockCount block = count_blocks(s.block, OH, OW, s.pointwise ? s.pointwise->mr : s.depthwise->ow_tile);
  cost.memory = (double(p.IH) * p.IW * p.IC + pixels * p.OC) * stored / kBeyondBytesPerCycle;

  if (s.pointwise) {
    const RegisterTile tile = register_tile(*s.pointwise, p, target);
    const double panels = ceil_div(p.OC, s.pointwise->nr), tiles = block.tiles * block.blocks * panels;
    const double step =
        std::max({tile.sums() / kFmaPerCycle, (tile.vectors + tile.scalars) / kLoadsPerCycle, kFmaLatency}) +
        kStepOverhead / s.pointwise->k_unroll;
    cost.pointwise = tiles * (K * step + kTileOverhead + tile.sums());
    const double panel_bytes = double(s.pointwise->nr) * K * element, all_bytes = panel_bytes * panels;
    const double rows_bytes = double(s.pointwise->mr) * K * element;
    cost.weights =
        read_cycles(block.blocks * all_bytes, all_bytes, target, kStreamedBytesPerCycle, kStreamedBytesPerCycle);
    const double scratch_bytes = (s.block.fuse ? block.pixels : pixels) * K * element;
    if (p.has_depthwise()) cost.scratch = read_cycles(tiles * rows_bytes, scratch_bytes, target);
  }
  if (s.depthwise) {
    const DepthwiseCpuSchedule& dw = *s.depthwise;
    const RegisterTile tile = register_tile(dw, p, target);
    const int columns = s.block.flat || !s.block.fuse ? OW : std::min(s.block.ow_block, OW);
    const double column_blocks = s.block.flat || !s.block.fuse ? 1 : ceil_div(OW, s.block.ow_block);
    const int x_tile = dw.ow_tile, c_tile = dw.c_tile;
    const double tiles = column_blocks * ceil_div(columns, x_tile) * OH * ceil_div(p.IC, c_tile) * p.depth_multiplier;
    const bool vectors_c = inner_layout(dw, p) == Layout::nhwc;
    const double taps = double(p.KH) * p.KW, checks = dw.pad_tile ? 1 : checked_taps(columns, dw, vectors_c);
    const double loads = (tile.vectors + tile.sums()) * checks;
    const double strided = !vectors_c && p.stride_w > 1 && !dw.pad_tile ? 4.0 : 1.0;
    const double tap = std::max({tile.sums() / kFmaPerCycle, strided * loads / kDepthwiseLoadsPerCycle, kFmaLatency}) +
                       spill_cycles(tile, target);
    cost.depthwise = tiles * (taps * tap + p.KH * kRowOverhead);
    const double vector = vectors_c ? std::min(vector_elems(c_tile, target), p.IC) : target.lanes;
    const double rows = (s.block.oh_block - 1.0) * p.stride_h + p.KH_eff();
    const double row_blocks = ceil_div(OH, s.block.oh_block);
    const double width = (columns - 1.0) * p.stride_w + p.KW_eff();
    const double run = std::min(std::max(depthwise_run(dw, p), dw.c_block), p.IC) * stored;  // side by side
    const double again = std::max(1.0, double(p.KH) / p.stride_h);  // rows of taps that read a row
    const double moved = double(p.IH) * p.IW * p.IC * stored;
    if (nhwc && moved > 0.75 * double(target.l2_bytes))
      cost.copies += moved * (short_runs(run, p.IC * stored) - 1) / kBeyondBytesPerCycle;
    const double taps_footprint = p.KH_eff() * width * run;
    if (dw.pad_tile) {
      const double copied = column_blocks * row_blocks * rows * width * p.IC;  // elements
      cost.copies += (dw.vector_c ? kTransposingCopy : kCopy) * copied / vector;
      cost.copies += read_cycles(copied * element * (taps_footprint > 0.75 * double(target.l1_bytes) ? again : 1),
                                 rows * width * run, target, kStreamedBytesPerCycle, kStreamedBytesPerCycle);
    } else {
      cost.copies += read_cycles(moved * again, taps_footprint, target);
    }
    if (s.block.flat) cost.copies += (s.block.flat == kFlatCopied ? kFlatCopy : kFlatStore) * pixels * K / vector;
    if (p.op == ConvOp::separable && has_exponential(p.middle.activation.kind))
      cost.memory += kExponential * pixels * K / target.lanes;
  }
  if (has_exponential(p.output.activation.kind)) cost.memory += kExponential * pixels * p.OC / target.lanes;
  if (threads > 1) {
    const double tasks = block.blocks;
    cost.imbalance = ceil_div(static_cast<long>(tasks), static_cast<long>(threads)) * threads / tasks;
  }
  cost.total =
      (cost.pointwise + cost.weights + cost.scratch + cost.depthwise + cost.copies + cost.memory) * cost.imbalance;
  return cost;
}

double log_of(int value) { return std::log(double(std::max(value, 1))); }

}  // namespace

CostParts estimate_cost(const Schedule& schedule, const ConvProblem& problem, const Target& target, int threads) {
  const ConvProblem p = as_scheduled(problem);
  if (const auto* cpu = std::get_if<CpuSchedule>(&schedule))
    return cpu_cost(*cpu, p, target_for_type(target, p.dtype), threads);
  const GpuSchedule& gpu = std::get<GpuSchedule>(schedule);
  constexpr double kCycles = 1e9;  // nanoseconds: GPUs' cycles differ
  return {.total = kCycles * estimate_gpu(gpu, p, 1, register_estimate(gpu), known_gpus().front()).seconds};
}

std::vector<double> features(const Schedule& schedule, const ConvProblem& problem, const Target& target, int threads) {
  const CostParts cost = estimate_cost(schedule, problem, target, threads);
  std::vector<double> result = {std::log(cost.total)};
  const auto* cpu = std::get_if<CpuSchedule>(&schedule);
  if (cpu == nullptr) {
    const GpuSchedule& gpu = std::get<GpuSchedule>(schedule);
    for (int value : {gpu.threads_f, gpu.threads_q, gpu.tile_f, gpu.tile_q, gpu.k_step, gpu.fuse})
      result.push_back(log_of(value));
    return result;
  }
  for (double part : {cost.pointwise, cost.weights, cost.scratch, cost.depthwise, cost.copies, cost.memory})
    result.push_back(part * cost.imbalance / cost.total);
  const BlockCpuSchedule& block = cpu->block;
  const DepthwiseCpuSchedule dw = cpu->depthwise.value_or(DepthwiseCpuSchedule{0, 0, 1, 0, 0, 0});
  const PointwiseCpuSchedule pw = cpu->pointwise.value_or(PointwiseCpuSchedule{0, 0, 0, 1});
  for (int flag : {block.fuse, int(block.flat != 0), int(block.flat == kFlatDirect), dw.pad_tile, dw.vector_c,
                   pw.vector_f, int(block.spread != 0)})
    result.push_back(flag);
  for (int extent :
       {block.oh_block, block.ow_block, dw.c_tile, dw.ow_tile, dw.k_unroll, dw.c_block, pw.mr, pw.nr, pw.k_unroll}) {
    result.push_back(log_of(extent));
    result.push_back(log_of(extent) * log_of(extent));
  }
  const double registers = target.registers;
  result.push_back(cpu->pointwise ? register_tile(pw, problem, target).total() / registers : 0);
  result.push_back(cpu->depthwise ? register_tile(dw, problem, target).total() / registers : 0);
  return result;
}

}  // namespace sepconv
