#pragma once
// One candidate schedule and what became of it: plain data, as the record store keeps it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "generators/spec/kernel_texts.h"

namespace sepconv::autoschedule {

/// A schedule to try.
using Candidate = generators::KernelTexts;

enum class TrialStatus : std::uint8_t {
  ok,             // built, correct, timed
  build_failed,   // the generator refused it or failed: message
  build_crashed,  // by a signal
  build_timeout,
  wrong_value,  // beyond the limit of its problem's reference, or a write outside its buffers
  run_crashed,
  run_timeout,
  out_of_memory,  // in the build or the run
  not_run,        // the machine lacks what the target needs
  lost,           // the worker that ran it was lost, repeatedly
};
inline constexpr int kTrialStatuses = 10;

/// "ok", "build-failed", ...
const char* to_text(TrialStatus status);
/// @throws std::invalid_argument naming the text and the known ones.
TrialStatus trial_status_from_text(const std::string& text);

struct Trial {
  Candidate candidate;
  TrialStatus status = TrialStatus::lost;
  std::string message;  // why it is not ok
  double seconds = 0;   // median time of a call, warm caches
  double seconds_min = 0;
  double spread = 0;  // half the 95% confidence interval of the median, over the median
  int samples = 0;
  double cold_seconds = 0;          // median time of a call with its data out of the caches; 0 when not asked for
  double yardstick_seconds = 0;     // median time of the task's first candidate, in alternation with this one
  double max_error = 0, limit = 0;  // against the reference
  double build_seconds = 0;

  /// Time relative to the yardstick's, which a search minimises. Meaningful if ok.
  double ratio() const { return yardstick_seconds > 0 ? seconds / yardstick_seconds : 0; }
};

/// The part of a program's output that a trial's message keeps: the last kMessageBytes at most, without trailing
/// white space.
std::string message_of_output(std::string output);
inline constexpr std::size_t kMessageBytes = 4 << 10;

/// How, and for how long, a task measures.
struct TimingOptions {
  double seconds = 0.05;     // minimum time per candidate
  double max_seconds = 0.4;  // maximum time, if the spread exceeds `spread`
  double spread = 0.01;      // stop once the 95% interval is within this part of the median
  double give_up_ratio =
      2;  // a candidate this many times slower than the yardstick after the first samples is timed no further
  int threads = 1;
  bool cold = false;  // also time with cold caches
};

/// Candidates of one problem and target that are built, checked and then timed in turns in one process. The others are
/// compared with the first, the yardstick.
struct TrialTask {
  std::vector<Candidate> candidates;
  TimingOptions timing;
};

/// Runs trials: in this machine's child processes, on a cluster, or from a recording.
class TrialExecutor {
 public:
  virtual ~TrialExecutor() = default;

  /// Runs all tasks in any order, and in parallel as far as that does not disturb measurements. A candidate that fails,
  /// crashes or hangs is a Trial with that status, never an exception.
  /// @param done  called once per task, one call at a time, with its index and one Trial per candidate.
  /// @throws TuneCancelled if the run was interrupted; std::runtime_error if the machinery itself is broken (no
  ///   generator, no cluster). The message says what to do.
  virtual void run(const std::vector<TrialTask>& tasks,
                   const std::function<void(std::size_t task, std::vector<Trial> trials)>& done) = 0;

  /// What measured: CPU model, features, cores, frequency governor; one line. "cluster ..." for several.
  virtual std::string machine() const = 0;
};

/// A tuning run was interrupted on request.
class TuneCancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "tune: interrupted; finished trials are kept"; }
};

}  // namespace sepconv::autoschedule
