#pragma once
// Trials on a Dask cluster: workers with the resource "sepconv_builder" build candidates, and workers with another
// resource measure them, one task at a time each.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

struct FleetOptions {
  std::string scheduler;           // "tcp://head:8786", or the path of a --scheduler-file
  std::string resource;            // of the workers that measure: "avx512"
  std::string python = "python3";  // an interpreter that has dask.distributed
  std::filesystem::path script;    // fleet.py
  std::filesystem::path work;      // for its files
  double build_seconds = 60;       // limits of one build
  std::uint64_t build_memory_bytes = std::uint64_t{4} << 30;
  double call_seconds = 10;                                 // a call of a kernel that takes longer hangs
  std::uint64_t run_memory_bytes = std::uint64_t{4} << 30;  // limit of one kernel
  double idle_seconds = 600;                     // that a run waits for busy workers, beyond what its tasks may take
  const std::atomic<bool>* cancelled = nullptr;  // ends a run soon after it becomes true
};

/// See TrialExecutor. If a worker dies, another one repeats its tasks, up to two times. After that, or if no answer
/// comes in time, they are `lost`.
class FleetExecutor final : public TrialExecutor {
 public:
  /// Asks the cluster for its processors.
  /// @throws std::runtime_error if no scheduler answers, no worker has the resource, or the interpreter lacks dask. The
  ///   message says what to do.
  explicit FleetExecutor(FleetOptions options);

  void run(const std::vector<TrialTask>& tasks,
           const std::function<void(std::size_t, std::vector<Trial>)>& done) override;
  /// "cluster: " and the processors of the workers with the resource, each once.
  std::string machine() const override { return machine_; }

 private:
  FleetOptions options_;
  std::string machine_;
};

}  // namespace sepconv::autoschedule
