#pragma once
// Trials on this machine: candidates are compiled by child processes on all cores, then checked and timed by others,
// one task at a time.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "autoschedule/measure/candidate_builder.h"
#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

struct LocalOptions {
  std::filesystem::path generator;  // the sepconv-generator program
  /// The command that starts sepconv-runner: its path, after that of an emulator for another architecture:
  /// {"qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "arm/sepconv-runner"}.
  std::vector<std::string> runner;
  /// Linked kernels and the expected results of each problem, kept between runs. May be removed between runs.
  std::filesystem::path work;
  std::optional<std::filesystem::path> cache_dir;  // the cache of compiled kernels that libraries share
  int jobs = 0;                                    // parallel builds; 0 = one per core
  double build_seconds = 60;                       // limits of one build
  std::uint64_t build_memory_bytes = std::uint64_t{4} << 30;
  double call_seconds = 10;                                 // a call of a kernel that takes longer hangs
  std::uint64_t run_memory_bytes = std::uint64_t{4} << 30;  // limit of one kernel
  double runner_seconds = 120;  // what a task may take beyond what its kernels may: start, exact result
  int cpu = -1;                 // that single threads are timed on; -1: the last one allowed
  const std::atomic<bool>* cancelled = nullptr;  // ends a run soon after it becomes true
  /// Instead of build_candidate: another way to make a kernel's folder. Called from several threads at once.
  std::function<BuiltCandidate(const Candidate&)> build;
};

/// See TrialExecutor. A task whose first candidate cannot be built is timed without a yardstick. When the runner itself
/// dies, its task's candidates are `lost`; when it hangs, `run_timeout`.
class LocalExecutor final : public TrialExecutor {
 public:
  /// @throws std::runtime_error when the generator or the runner is not there, or the work folder cannot be made.
  explicit LocalExecutor(LocalOptions options);
  LocalExecutor(const LocalExecutor&) = delete;
  LocalExecutor& operator=(const LocalExecutor&) = delete;

  void run(const std::vector<TrialTask>& tasks,
           const std::function<void(std::size_t, std::vector<Trial>)>& done) override;
  std::string machine() const override;

 private:
  std::vector<Trial> measure(const TrialTask& task, const std::vector<const BuiltCandidate*>& built) const;
  bool is_cancelled() const { return options_.cancelled != nullptr && options_.cancelled->load(); }

  LocalOptions options_;
};

}  // namespace sepconv::autoschedule
