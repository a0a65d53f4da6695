#pragma once
// What `sepconv-runner trial` was asked to do.

#include <cstdint>
#include <filesystem>
#include <vector>

namespace sepconv::runner {

struct TrialOptions {
  std::vector<std::filesystem::path> kernels;  // folders made by sepconv-builder, of one problem
  bool yardstick = true;                       // the first kernel is what the others are compared with
  double seconds = 0.05;                       // least time for each kernel
  double max_seconds = 0.4;                    // most, for a spread above `spread`
  double spread = 0.01;                        // enough: half the 95% interval of the median, over the median
  double give_up_ratio = 2;                    // times the yardstick's time after which a kernel is not timed further
  int threads = 1;
  bool cold = false;                // also single calls with their data out of the caches
  int cpu = -1;                     // where a single thread runs; -1: the last one that the process may use
  double time_limit = 10;           // for one kernel to give a sign of life
  std::uint64_t memory_mb = 0;      // for one child; 0 = no limit
  std::filesystem::path reference;  // keeps what must come out; empty: computed anew
  std::filesystem::path report;     // the lines go there, rather than to stdout
};

/// Checks each kernel against the double reference and times the good ones in alternation, all in child processes, and
/// prints one JSON line a kernel, in the order given: kernel (its folder), status (as autoschedule/trial.h names them),
/// message, seconds, seconds_min, spread, samples, cold_seconds, yardstick_seconds, max_error, limit. A figure that is
/// not there is null.
/// @returns 0: whatever becomes of a kernel is in its line.
/// @throws std::invalid_argument for folders that hold no kernel, kernels of several problems, a CPU that may not be
///   used; std::runtime_error where the machine failed.
int run_trial(const TrialOptions& options);

}  // namespace sepconv::runner
