#include "autoschedule/search/cost_model.h"

#include <algorithm>
#include <cmath>

#include "generators/spec/gpu_estimate.h"
#include "generators/spec/integers.h"
#include "generators/spec/schedule_fields.h"

namespace sepconv::autoschedule {
namespace {

/// Factor of the bytes that are moved when runs of `run` bytes of each pixel are read at a time.
double short_runs(double run, double pixel, const generators::CpuCosts& costs) {
  if (run >= costs.page_run_bytes || run >= pixel) return 1;
  const double lines = std::max(costs.line_bytes / run, 1.0) + 0.25;
  const auto pitch = static_cast<std::int64_t>(pixel);
  const std::int64_t power = std::min<std::int64_t>(pitch & -pitch, 4096);  // distances share the sets of a cache
  return lines + (double(power) >= costs.power_of_two_pitch ? double(power) / 1024 : 0);
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

BlockCount count_blocks(const generators::BlockCpuSchedule& s, int OH, int OW, int tile) {
  if (s.flat()) {
    const int pixels = s.oh_block * OW;
    return {double(generators::ceil_div(OH, s.oh_block)), double(pixels), double(generators::ceil_div(pixels, tile))};
  }
  const int columns = std::min(s.ow_block, OW);
  return {double(generators::ceil_div(OH, s.oh_block)) * generators::ceil_div(OW, s.ow_block),
          double(s.oh_block) * columns, double(s.oh_block) * generators::ceil_div(columns, tile)};
}

/// Channels of one pixel that a panel reads: all, where panels do not divide them.
int depthwise_run(const generators::DepthwiseCpuSchedule& dw, const generators::Lowering& p) {
  return p.IC % dw.c_tile == 0 ? dw.c_tile : p.IC;
}

/// A middling size in place of extents that are known only at run time.
generators::Lowering with_middling_extents(generators::Lowering p) {
  if (p.dynamic_h()) p.IH = 8 * p.window.stride_h + p.window.KH_eff() - 1;
  if (p.dynamic_w()) p.IW = 64 * p.window.stride_w + p.window.KW_eff() - 1;
  for (std::int32_t* pad : {&p.window.pad_top, &p.window.pad_bottom, &p.window.pad_left, &p.window.pad_right})
    *pad = std::max(*pad, 0);
  return p;
}

/// The estimate of one schedule on a CPU.
class CpuEstimate {
 public:
  CpuEstimate(const generators::CpuSchedule& schedule, const generators::Lowering& problem,
              const generators::CpuCosts& costs)
      : s_(schedule),
        p_(problem.is_dynamic() ? with_middling_extents(problem) : problem),
        costs_(costs),
        element_(double(size_bytes(accumulator_type(p_.dtype)))),
        stored_(double(size_bytes(p_.dtype))),
        pixels_(double(p_.OH()) * p_.OW()),
        K_(p_.middle_channels()),
        block_(count_blocks(s_.block, p_.OH(), p_.OW(), s_.pointwise ? s_.pointwise->mr : s_.depthwise->ow_tile)) {}

  CostParts parts(int threads) const {
    CostParts cost;
    cost.memory = (double(p_.IH) * p_.IW * p_.IC + pixels_ * p_.OC) * stored_ / costs_.beyond_bytes;
    if (s_.pointwise) add_pointwise(*s_.pointwise, cost);
    if (s_.depthwise) add_depthwise(*s_.depthwise, cost);
    if (s_.depthwise) add_copies(*s_.depthwise, cost);
    if (s_.depthwise && p_.family == generators::KernelFamily::separable &&
        has_exponential(activation_of(p_.middle).kind))
      cost.memory += costs_.exponential * pixels_ * K_ / p_.target.lanes;
    if (has_exponential(activation_of(p_.output).kind))
      cost.memory += costs_.exponential * pixels_ * p_.OC / p_.target.lanes;
    if (threads > 1) {
      const double tasks = block_.blocks;
      cost.imbalance = generators::ceil_div(static_cast<long>(tasks), static_cast<long>(threads)) * threads / tasks;
    }
    cost.total =
        (cost.pointwise + cost.weights + cost.scratch + cost.depthwise + cost.copies + cost.memory) * cost.imbalance;
    return cost;
  }

 private:
  void add_pointwise(const generators::PointwiseCpuSchedule& pw, CostParts& cost) const {
    const generators::RegisterTile tile = register_tile(pw, p_);
    const double panels = generators::ceil_div(p_.OC, pw.nr), tiles = block_.tiles * block_.blocks * panels;
    const double step =
        std::max({tile.sums() / costs_.multiply_adds, (tile.vectors + tile.scalars) / costs_.loads, costs_.latency}) +
        costs_.step / pw.k_unroll;
    cost.pointwise = tiles * (K_ * step + costs_.tile + tile.sums());
    const double panel_bytes = double(pw.nr) * K_ * element_, all_bytes = panel_bytes * panels;
    const double rows_bytes = double(pw.mr) * K_ * element_;
    cost.weights = streamed_cycles(block_.blocks * all_bytes, all_bytes);
    const double scratch_bytes = (s_.block.fuse ? block_.pixels : pixels_) * K_ * element_;
    if (p_.has_depthwise()) cost.scratch = read_cycles(tiles * rows_bytes, scratch_bytes);
  }

  void add_depthwise(const generators::DepthwiseCpuSchedule& dw, CostParts& cost) const {
    const generators::RegisterTile tile = register_tile(dw, p_);
    const bool along_channels = vectors_along_channels(dw);
    const double tiles = column_blocks() * generators::ceil_div(columns(), dw.ow_tile) * p_.OH() *
                         generators::ceil_div(p_.IC, dw.c_tile) * p_.depth_multiplier;
    const double taps = double(p_.window.KH) * p_.window.KW, checks = dw.pad_tile ? 1 : checked_taps(dw);
    const double loads = (tile.vectors + tile.sums()) * checks;
    const double strided = !along_channels && p_.window.stride_w > 1 && !dw.pad_tile ? costs_.strided_loads : 1.0;
    const double tap =
        std::max({tile.sums() / costs_.multiply_adds, strided * loads / costs_.depthwise_loads, costs_.latency}) +
        spill_cycles(tile);
    cost.depthwise = tiles * (taps * tap + p_.window.KH * costs_.row_of_taps);
  }

  /// The input on its way to the depthwise stage, and the stage's result on its way to flat pixels.
  void add_copies(const generators::DepthwiseCpuSchedule& dw, CostParts& cost) const {
    const double vector =
        vectors_along_channels(dw) ? std::min(vector_elems(dw.c_tile, p_.target), p_.IC) : p_.target.lanes;
    const double rows = (s_.block.oh_block - 1.0) * p_.window.stride_h + p_.window.KH_eff();
    const double row_blocks = generators::ceil_div(p_.OH(), s_.block.oh_block);
    const double width = (columns() - 1.0) * p_.window.stride_w + p_.window.KW_eff();
    const double run = std::min(std::max(depthwise_run(dw, p_), dw.c_block), p_.IC) * stored_;  // side by side
    const double again = std::max(1.0, double(p_.window.KH) / p_.window.stride_h);  // rows of taps that read a row
    const double moved = double(p_.IH) * p_.IW * p_.IC * stored_;
    if (p_.layout == Layout::nhwc && moved > costs_.cache_share * double(p_.target.l2_bytes))
      cost.copies += moved * (short_runs(run, p_.IC * stored_, costs_) - 1) / costs_.beyond_bytes;
    const double taps_footprint = p_.window.KH_eff() * width * run;
    if (dw.pad_tile) {
      const double copied = column_blocks() * row_blocks * rows * width * p_.IC;  // elements
      const bool in_l1 = taps_footprint <= costs_.cache_share * double(p_.target.l1_bytes);
      cost.copies += (dw.vector_c ? costs_.transposing_copy : costs_.copy) * copied / vector;
      cost.copies += streamed_cycles(copied * element_ * (in_l1 ? 1 : again), rows * width * run);
    } else {
      cost.copies += read_cycles(moved * again, taps_footprint);
    }
    if (s_.block.flat())
      cost.copies += (s_.block.pixels == generators::PixelOrder::flat_copied ? costs_.flat_copy : costs_.flat_store) *
                     pixels_ * K_ / vector;
  }

  /// Cycles to read `bytes` repeatedly from the cache that holds `footprint` bytes.
  double read_cycles(double bytes, double footprint) const {
    return cycles_from(bytes, footprint, costs_.l2_bytes, costs_.beyond_bytes);
  }

  /// The same where they are read ahead in time.
  double streamed_cycles(double bytes, double footprint) const {
    return cycles_from(bytes, footprint, costs_.streamed_bytes, costs_.streamed_bytes);
  }

  double cycles_from(double bytes, double footprint, double l2_rate, double beyond_rate) const {
    if (footprint <= costs_.cache_share * double(p_.target.l1_bytes)) return 0;
    return bytes / (footprint <= costs_.cache_share * double(p_.target.l2_bytes) ? l2_rate : beyond_rate);
  }

  /// Cycles of sums that have no register: two operands and an address stream leave the rest.
  double spill_cycles(const generators::RegisterTile& tile) const {
    constexpr int kOperands = 3;
    return costs_.spill * std::max(0, tile.sums() + kOperands - p_.target.registers);
  }

  /// Factor of the loads where taps are read from the image itself: tiles at its sides test whether each tap lies in
  /// it, and all do where vectors lie along columns, or a block has too few tiles for an inner part without tests.
  double checked_taps(const generators::DepthwiseCpuSchedule& dw) const {
    const double tiles = generators::ceil_div(columns(), dw.ow_tile);
    return vectors_along_channels(dw) ? 1 + (costs_.checked_taps - 1) * std::min(1.0, 2 / tiles) : costs_.checked_taps;
  }

  bool vectors_along_channels(const generators::DepthwiseCpuSchedule& dw) const {
    return inner_layout(dw, p_) == Layout::nhwc;
  }

  bool whole_rows() const { return s_.block.flat() || !s_.block.fuse; }
  /// Columns that the depthwise stage computes at once, and how many times.
  int columns() const { return whole_rows() ? p_.OW() : std::min(s_.block.ow_block, p_.OW()); }
  double column_blocks() const { return whole_rows() ? 1 : generators::ceil_div(p_.OW(), s_.block.ow_block); }

  const generators::CpuSchedule& s_;
  const generators::Lowering p_;
  const generators::CpuCosts& costs_;
  const double element_, stored_;  // bytes of an element of the sums, and in memory
  const double pixels_;
  const int K_;
  const BlockCount block_;
};

double log_of(int value) { return std::log(double(std::max(value, 1))); }

/// Adds what a model sees of a field.
void add_feature(generators::FieldFeature kind, const generators::FieldRange& legal, int value,
                 std::vector<double>& features) {
  switch (kind) {
    case generators::FieldFeature::none: break;
    case generators::FieldFeature::mode:
      for (int least = legal.least + 1; least <= legal.most; ++least) features.push_back(value >= least);
      break;
    case generators::FieldFeature::used: features.push_back(value != 0); break;
    case generators::FieldFeature::extent:
      features.push_back(log_of(value));
      features.push_back(log_of(value) * log_of(value));
      break;
    case generators::FieldFeature::log: features.push_back(log_of(value)); break;
  }
}

/// Those of all fields, kind by kind. A part that the schedule lacks has the modes that are usual, and no extents.
template <class Whole>
void add_field_features(const Whole& schedule, std::vector<double>& features) {
  for (const generators::FieldFeature kind : {generators::FieldFeature::mode, generators::FieldFeature::used,
                                              generators::FieldFeature::extent, generators::FieldFeature::log})
    visit_parts(schedule, [&]<class Part>(const Part* part) {
      for (const generators::ScheduleField<Part>& field : generators::fields_of<Part>()) {
        if (field.feature != kind) continue;
        static const Part neutral;
        const int absent = kind == generators::FieldFeature::mode ? field.value(neutral) : 0;
        add_feature(kind, field.legal, part == nullptr ? absent : field.value(*part), features);
      }
    });
}

}  // namespace

CostParts estimate_cost(const generators::Schedule& schedule, const generators::Lowering& p, int threads,
                        const generators::CpuCosts& costs) {
  if (const auto* cpu = std::get_if<generators::CpuSchedule>(&schedule))
    return CpuEstimate(*cpu, p, costs).parts(threads);
  const generators::GpuSchedule& gpu = std::get<generators::GpuSchedule>(schedule);
  constexpr double kCycles = 1e9;  // nanoseconds: GPUs' cycles differ
  return {.total = kCycles * estimate_gpu(gpu, p, 1, register_estimate(gpu), generators::known_gpus().front()).seconds};
}

std::vector<double> features(const generators::Schedule& schedule, const generators::Lowering& p, int threads) {
  const CostParts cost = estimate_cost(schedule, p, threads);
  std::vector<double> result = {std::log(cost.total)};
  const auto* cpu = std::get_if<generators::CpuSchedule>(&schedule);
  if (cpu == nullptr) {
    add_field_features(std::get<generators::GpuSchedule>(schedule), result);
    return result;
  }
  for (double part : {cost.pointwise, cost.weights, cost.scratch, cost.depthwise, cost.copies, cost.memory})
    result.push_back(part * cost.imbalance / cost.total);
  add_field_features(*cpu, result);
  const double registers = p.target.registers;
  result.push_back(cpu->pointwise ? register_tile(*cpu->pointwise, p).total() / registers : 0);
  result.push_back(cpu->depthwise ? register_tile(*cpu->depthwise, p).total() / registers : 0);
  return result;
}

}  // namespace sepconv::autoschedule
