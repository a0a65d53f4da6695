#pragma once
// Schedules for targets that cannot be measured. The cost model ranks, the compiler checks, and nothing runs.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autoschedule/lockfile.h"
#include "autoschedule/trial.h"
#include "autoschedule/tuner.h"

namespace sepconv::autoschedule {

/// The result of compiling a candidate.
struct CompiledFacts {
  TrialStatus status = TrialStatus::ok;
  std::string message;  // why not ok
  int spills = 0;       // vector registers that go through the stack in the inner loops
};

struct ModelTuneOptions {
  int threads = 1;
  std::uint64_t seed = 1;
  std::size_t trials = 512;  // candidates of each problem that are drawn and estimated
  std::size_t picks = 8;     // of them, those that are compiled, if need be, until one passes
  /// The smallest predicted gain over the rule. Below it, predictions do not show which is faster.
  double least_gain = 1.3;
  std::vector<Candidate> suggestions;           // tried first, where they fit
  std::map<std::string, std::string> versions;  // for the records
};

/// The result for one problem.
struct ModelTuneState {
  TuneProblem problem;
  std::string schedule;          // the rule's if nothing passed
  double ratio = 1;              // predicted time over the rule's
  double best_ratio = 1;         // of the best candidate, whether it passed or not
  std::size_t compiled = 0;      // candidates
  std::vector<std::string> why;  // candidates that were compiled and did not pass: their reasons
  bool chosen() const { return ratio < 1; }
};

/// Searches each problem by the model, and takes the best candidate whose predicted gain is large enough, which
/// compiles, and whose inner loops spill no more than those of the rule's schedule.
/// @param compile  called from the calling thread for candidates, and for the rule's schedule of their problem.
/// @param done     is called with each problem's result.
/// @throws std::invalid_argument for no problems, problems that no schedule serves, and GPU targets, whose rule already
///   takes the model's best; what `compile` and `done` throw.
std::vector<ModelTuneState> tune_by_model(const std::vector<TuneProblem>& problems, const ModelTuneOptions& options,
                                          const std::function<CompiledFacts(const Candidate&)>& compile,
                                          const std::function<void(const ModelTuneState&)>& done);

/// Counts of merge_model_rows().
struct ModelRows {
  std::size_t written = 0, removed = 0, measured = 0;  // measured: unchanged rows
};

/// Puts the chosen schedules into the lockfile with source "model", and removes rows of that source whose problem no
/// longer has such a schedule. Measured rows stay, whatever the model says.
ModelRows merge_model_rows(Lockfile& lockfile, const std::vector<ModelTuneState>& states,
                           const ModelTuneOptions& options);

}  // namespace sepconv::autoschedule
