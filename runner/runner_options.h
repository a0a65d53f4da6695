#pragma once
// What the runner was asked to do.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sepconv::runner {

struct RunnerOptions {
  std::filesystem::path library;    // made by `sepconv compile --shared`
  std::filesystem::path weights;    // the .weights file beside it
  std::vector<std::string> layers;  // empty: all of the file
  std::string target;               // only kernels of this target; empty: any
  std::string kernel;               // only the kernel with this symbol
  bool all_kernels = false;         // every kernel that fits, rather than the one that the runtime would take
  int threads = 1;                  // 1: the calling thread; else a pool
  std::int64_t batch = 1;           // check, bench
  std::uint64_t seed = 1;           // check, bench
  bool exact = false;               // check: weights and inputs are small integers; exact results are demanded
  std::int32_t extent = 13;         // check: extents beyond the window, where the layer's are dynamic
  double seconds = 0.2;             // bench, for each case
  std::filesystem::path report;     // check, compare, bench: the lines go there, rather than to stdout
  std::filesystem::path io_dir;     // compare: <layer>.input.npy, <layer>.expected.npy, limits.json
  std::filesystem::path input;      // run
  std::filesystem::path output;     // run
  std::string padding;              // run: of a layer with dynamic extents
  /// predict, check-network: .npy files in the order of the network's inputs or outputs
  std::vector<std::filesystem::path> inputs, outputs, expected;
};

/// Each prints one JSON line a case on stdout and returns the exit status: 0, or 1 when a case missed its limit.
/// A report also has a line with status "started" before each case, which tells where a crash happened.
/// Fields: name, layer, kernel, target, schedule, problem, status ("ok", "miss", "error", "not_run"), ok, max_error,
/// limit, message; bench adds seconds_median, seconds_min, gflops, percent_of_peak.
/// @throws std::invalid_argument for files that do not fit; std::runtime_error where the machine failed.
int run_check(const RunnerOptions& options);
int run_compare(const RunnerOptions& options);
int run_bench(const RunnerOptions& options);
/// Runs one layer on a .npy file and writes another.
int run_file(const RunnerOptions& options);
/// Compares a whole network with the double reference, or with outputs from files. One line, and in a report one before
/// each step with status "started" and its name as `step`. A miss has the first step that departs as `step`.
int run_check_network(const RunnerOptions& options);
/// Runs a whole network on .npy files and writes others.
int run_predict(const RunnerOptions& options);
/// One line: what this machine's CPU can do.
int run_machine();

}  // namespace sepconv::runner
