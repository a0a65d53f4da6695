#pragma once
// The figures of the report, from records. One RunReport a context, since only its trials can be compared.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "autoschedule/records/record_store.h"
#include "generators/spec/gpu_schedule.h"
#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule::report {

/// What one of Halide's autoschedulers reached.
struct HalideResult {
  std::string name;  // "adams2019"
  TrialStatus status = TrialStatus::lost;
  double ratio = 0;  // its time over the rule's; 0 when it failed
};

/// One trial of a search, in its order.
struct CurvePoint {
  bool ok = false;
  double ratio = 0;  // time over the rule's; only when ok
};

/// One problem on one target.
struct LayerReport {
  std::string problem, target;
  std::string label;  // short, of the problem; unlike that of the others
  std::string name;   // of the layers that it serves, where known

  bool final = false;         // the figures are of the last final round, else of the search
  bool measured = false;      // any figures at all
  double rule_seconds = 0;    // of a call
  double best_seconds = 0;    // of a call; the rule's when nothing was faster
  double best_ratio = 1;      // best over rule, in alternation
  double best_spread = 0;     // of best_seconds
  std::string best_schedule;  // empty where the rule's was not measured and nothing was faster
  std::vector<HalideResult> halide;
  std::vector<CurvePoint> curve;
  std::size_t trials = 0, failures = 0;  // of the search

  double flops = 0, bytes = 0;  // of a call at batch 1, each byte moved once; 0 where extents are dynamic

  double speedup() const { return 1 / best_ratio; }
  double gflops(double seconds) const { return seconds > 0 ? flops / seconds * 1e-9 : 0; }
  /// The fastest of Halide's that worked, or null.
  const HalideResult* best_halide() const;
  /// The best's speed relative to best_halide()'s.
  double speedup_over_halide() const { return best_halide()->ratio / best_ratio; }
};

struct FailureExample {
  std::string label, schedule, message;
};

struct Failures {
  TrialStatus status = TrialStatus::lost;
  std::size_t count = 0;
  std::vector<FailureExample> examples;  // with different messages; a few
};

struct RunReport {
  TrialContext context;
  double begin = 0, end = 0;        // unix times of the first and the last trial
  std::size_t trials = 0;           // of the search and the final rounds
  std::vector<LayerReport> layers;  // in the order of their first trials
  std::vector<Failures> failures;   // the most frequent first
  std::size_t failed() const;

  /// Over the layers that have the figure; nothing if none has.
  std::optional<double> mean_speedup() const;
  std::optional<double> mean_speedup_over_halide() const;
};

/// Newest first.
/// @param names  problem text -> layers
std::vector<RunReport> run_reports(const std::vector<TrialRecord>& records,
                                   const std::map<std::string, std::string>& names);

}  // namespace sepconv::autoschedule::report
