#pragma once
// Estimates the cost of a schedule without running it. The estimate ranks candidates; it does not predict seconds.

#include <vector>

#include "generators/spec/cpu_costs.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule {

/// Cycles of one core, by cause. The parts apply to CPU kernels; for a GPU only `total` is meaningful.
struct CostParts {
  double pointwise = 0;  // the micro-tiles: multiply-adds, loads or their latency, whichever is slowest; waste included
  double weights = 0;    // weights that come from L2 and beyond
  double scratch = 0;    // the depthwise result where it does not stay in L1
  double depthwise = 0;  // its sums
  double copies = 0;     // input tiles and the copy to flat pixels
  double memory = 0;     // input and output once
  double imbalance = 1;  // time of the slowest thread over the mean
  double total = 0;
};

/// @param threads  number of threads that share the blocks.
/// @param costs    of a CPU's work
CostParts estimate_cost(const generators::Schedule& schedule, const generators::Lowering& problem, int threads = 1,
                        const generators::CpuCosts& costs = generators::kCpuCosts);

/// Inputs of a learned model: the logarithm of the estimate first, then the shares of its parts and the tiles.
/// All schedules of a device kind have the same number.
std::vector<double> features(const generators::Schedule& schedule, const generators::Lowering& problem,
                             int threads = 1);

}  // namespace sepconv::autoschedule
