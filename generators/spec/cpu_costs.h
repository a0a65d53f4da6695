#pragma once
// What work costs on a CPU: every constant of the estimates that choose CPU schedules, in one table.
//
// There are two estimates. The rules (generators/schedules) weigh a few kinds of work against each other, on any CPU.
// The tuner's cost model (autoschedule/search) counts cycles. They stay apart because the rules' choices were measured
// as they are: with the model's figures, schedules would change.

namespace sepconv::generators {

/// Costs of the tuner's model. Those that visit_fitted_costs lists are a non-negative least-squares fit to 6,400 trials
/// of 105 layers on an AMD EPYC with AVX2, rounded. The others are facts of the cores of the last ten years, or were
/// chosen by hand. scripts/fit_cpu_costs.py fits the listed ones to the trials of a record store.
struct CpuCosts {
  // Per cycle.
  double multiply_adds = 2;    // vectors
  double loads = 2;            // vectors
  double depthwise_loads = 3;  // vectors; most of them are operands of multiply-adds
  double l2_bytes = 32;
  double beyond_bytes = 16;    // from beyond L2
  double streamed_bytes = 64;  // weights and tiles, which are read ahead in time
  // Cycles.
  double latency = 4;            // until a sum can take the next multiply-add
  double copy = 2.5;             // a vector of the input tile
  double transposing_copy = 10;  // the same, transposed
  double flat_copy = 3;          // a vector that is copied to flat pixels
  double flat_store = 9;         // a vector that is stored as flat pixels
  double tile = 8;               // the loop of a tile
  double step = 0.5;             // the loop of an unrolled step
  double row_of_taps = 6;
  double spill = 6;         // a sum without a register, each time
  double exponential = 44;  // the activation of a vector
  // Factors and sizes.
  double cache_share = 0.75;        // of a cache, that data which stays there may take
  double checked_taps = 3;          // loads of a tile whose taps may lie outside the image
  double strided_loads = 4;         // loads of a vector with gaps
  double line_bytes = 64;           // an input from beyond L2 in shorter runs than ...
  double page_run_bytes = 256;      // ... these costs more, above all ...
  double power_of_two_pitch = 256;  // ... where pixels lie a multiple of these bytes apart
};

inline constexpr CpuCosts kCpuCosts;

/// Calls f(name, member) for each cost of work that is added to the rest: the estimate is a linear function of it.
template <class F>
void visit_fitted_costs(F&& f) {
  f("copy", &CpuCosts::copy);
  f("transposing_copy", &CpuCosts::transposing_copy);
  f("flat_copy", &CpuCosts::flat_copy);
  f("flat_store", &CpuCosts::flat_store);
  f("tile", &CpuCosts::tile);
  f("step", &CpuCosts::step);
  f("row_of_taps", &CpuCosts::row_of_taps);
  f("spill", &CpuCosts::spill);
  f("exponential", &CpuCosts::exponential);
}

/// Costs of the rules, relative to a multiply-add of the pointwise stage unless said otherwise. They were chosen by
/// hand from measured times of whole layers on AVX2 and AVX-512.
struct RuleCosts {
  double depthwise = 3;             // a multiply-add of the depthwise stage
  double copied_input = 2;          // an input that is copied into a padded tile
  double pixels_of_block = 1.5;     // a block's cost besides its pixels, such as loading its weights from L3, in pixels
  double fork = 4e5;                // until other threads work, and have ended: some 10 microseconds
  double most_of_l2 = 0.85;         // the share of L2 that a block's depthwise result may take
  double worth_a_change = 1.01;     // blocks for threads must save more than this factor
  double unsuitable_threads = 1.1;  // factor of one block for much work, or of several for little
  double more_of_l2 = 1.02;         // factor of a depthwise result that takes more than a part of L2
  double transposing = 1.15;        // factor of transposing the depthwise result and the output; 0.95 to 1.4 measured
  double fewer_sums = 1.05;         // factor of micro-tiles that load more for each multiply-add
  double worth_more_loads = 1.01;   // a micro-tile with more loads must save more than this factor
};

inline constexpr RuleCosts kRuleCosts;

}  // namespace sepconv::generators
