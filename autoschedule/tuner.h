#pragma once
// A tuning run turns problems into records of trials. This file does not decide where trials run or how they are shown.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "autoschedule/records/record_store.h"
#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

/// One problem to tune for one target.
struct TuneProblem {
  std::string name;     // name of one of its layers, for people
  std::string problem;  // to_text(ConvProblem)
  std::string target;
};

struct TuneOptions {
  int threads = 1;
  std::uint64_t seed = 1;
  std::size_t trials = 0;  // candidates per problem; 0: no limit
  double minutes = 0;      // limit of the whole run, final rounds included; 0: no limit
  std::size_t batch = 16;  // candidates between two evaluations of the results
  std::size_t group = 4;   // candidates that are timed in alternation with one yardstick
  std::size_t finalists = 4;
  bool halide = true;  // also try Halide's autoschedulers, for comparison
  TimingOptions search_timing{.max_seconds = 0.2};
  TimingOptions final_timing{.seconds = 0.3, .max_seconds = 1, .spread = 0.003, .give_up_ratio = 1e9};
  std::vector<Candidate> suggestions;           // tried first, where they fit
  std::map<std::string, std::string> versions;  // for the records
  const std::atomic<bool>* cancelled = nullptr;
};

/// The state of one problem.
struct TuneState {
  TuneProblem problem;
  std::size_t trials = 0, failures = 0;  // of the search, including those that the store already had
  double best_ratio = 1;                 // over the rule's time; of the final round once `final`
  std::string best_schedule;             // the rule's if nothing was faster
  double seconds = 0;                    // of the best; 0 before the final round
  bool final = false;
};

/// Receives the progress of a run. All calls come from the tuning thread.
class TuneObserver {
 public:
  virtual ~TuneObserver() = default;
  /// @param kept  trials of these problems that the store had.
  virtual void begin(const std::vector<TuneState>& /*problems*/, std::size_t /*kept*/) {}
  /// A trial ended; `state` is its problem's.
  virtual void trial(const Trial& /*trial*/, const TuneState& /*state*/) {}
  /// A batch of one problem ended.
  /// @param left  seconds left for the whole run; negative if there is no limit.
  virtual void round(const TuneState& /*state*/, double /*left*/) {}
  virtual void finals(const TuneState& /*state*/) {}
};

/// Searches until the trials or the minutes are used up or every space is exhausted, then compares each problem's best
/// with the rule and Halide's best in a final round. Every trial is stored as soon as it ends. Trials that the store
/// already has for the same machine, versions and threads are not repeated.
/// @return one state per problem, in order.
/// @throws TuneCancelled; std::invalid_argument for problems that no schedule serves, options without any limit, and no
///   problems; what the executor and the store throw.
std::vector<TuneState> tune(const std::vector<TuneProblem>& problems, const TuneOptions& options,
                            TrialExecutor& executor, RecordStore& store, TuneObserver& observer);

}  // namespace sepconv::autoschedule
