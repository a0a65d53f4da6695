#pragma once
// A tuning run: problems in, records of trials out. Where trials run, and how they are kept and shown, is others'.

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
  std::string name;     // of a layer that it serves, for people
  std::string problem;  // to_text(ConvProblem)
  std::string target;
};

struct TuneOptions {
  int threads = 1;
  std::uint64_t seed = 1;
  std::size_t trials = 0;  // candidates of each problem that are searched; 0: no limit
  double minutes = 0;      // for everything, the final rounds included; 0: no limit
  std::size_t batch = 16;  // candidates between two looks at the results
  std::size_t group = 4;   // candidates that are timed in alternation with one yardstick
  std::size_t finalists = 4;
  bool halide = true;  // also try Halide's autoschedulers, for comparison
  TimingOptions search_timing{.max_seconds = 0.2};
  TimingOptions final_timing{.seconds = 0.3, .max_seconds = 1, .spread = 0.003, .give_up_ratio = 1e9};
  std::vector<Candidate> suggestions;           // tried first, where they fit
  std::map<std::string, std::string> versions;  // for the records
  const std::atomic<bool>* cancelled = nullptr;
};

/// How one problem stands.
struct TuneState {
  TuneProblem problem;
  std::size_t trials = 0, failures = 0;  // of the search; those that the store had already are counted
  double best_ratio = 1;                 // to the rule's time; of the final round once `final`
  std::string best_schedule;             // the rule's where nothing was faster
  double seconds = 0;                    // of the best; 0 before the final round
  bool final = false;
};

/// Hears how a run goes; all calls from the thread that tunes.
class TuneObserver {
 public:
  virtual ~TuneObserver() = default;
  /// @param kept  trials of these problems that the store had.
  virtual void begin(const std::vector<TuneState>& /*problems*/, std::size_t /*kept*/) {}
  /// A trial ended; `state` is its problem's.
  virtual void trial(const Trial& /*trial*/, const TuneState& /*state*/) {}
  /// A batch of one problem ended.
  /// @param left  seconds for everything; negative when there is no limit.
  virtual void round(const TuneState& /*state*/, double /*left*/) {}
  virtual void finals(const TuneState& /*state*/) {}
};

/// Searches until the trials or the minutes are used up or every space is exhausted, then compares each problem's best
/// with the rule and Halide's best in a final round. Every trial is in the store as soon as it ends; those that the
/// store has of the same machine, versions and threads are not repeated.
/// @return one state a problem, in order.
/// @throws TuneCancelled; std::invalid_argument for problems that no schedule serves, options without any limit, and no
///   problems; what the executor and the store throw.
std::vector<TuneState> tune(const std::vector<TuneProblem>& problems, const TuneOptions& options,
                            TrialExecutor& executor, RecordStore& store, TuneObserver& observer);

}  // namespace sepconv::autoschedule
