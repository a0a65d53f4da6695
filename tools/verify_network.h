#pragma once
// `sepconv verify` of a whole network: its files, the runner's answer, and the line that is printed.

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/detail/network_plan.h"

namespace sepconv::tools {

/// Files of given inputs and of the outputs that must come from them, in the network's order; empty: seeded inputs, and
/// outputs by the double reference.
struct NetworkFiles {
  std::vector<std::filesystem::path> inputs, expected;
};

/// Takes the arrays of an .npz apart: one for each input and output, by their names, or "x" and "y" of a network with
/// one of each.
/// @throws std::invalid_argument naming the file, the array, and the name, type or shape that is expected.
NetworkFiles network_files(const NetworkPlan& network, const std::filesystem::path& npz,
                           const std::filesystem::path& scratch);

struct NetworkRequest {
  std::vector<std::string> runner;  // the program, after an emulator's words if there is one
  std::filesystem::path library, weights;
  NetworkFiles files;
  std::string target;
  std::filesystem::path report;  // a file that this may write and remove
  double seconds = 600;
  const std::atomic<bool>* cancelled = nullptr;
};

/// What the runner found.
struct NetworkResult {
  std::string status;   // "ok", "miss", "error", "not_run"
  std::string message;  // of errors and of what was not run
  std::string output;   // the worst one
  double max_error = 0, limit = 0, largest = 0;
  std::int64_t steps = 0;
  std::string step;  // of a miss: the first that departs; of a crash: the one that ran
  std::int64_t step_number = 0;
  bool step_own = false;  // it departs from the reference of its own inputs
  double step_max_error = 0, step_limit = 0;

  bool failed() const { return status != "ok" && status != "not_run"; }
};

/// Runs the network's check. A crash is an error that names the step.
/// @throws std::runtime_error with the runner's message when it cannot do its work; std::invalid_argument for files
/// that it refuses; CompileCancelled.
NetworkResult check_network(const NetworkRequest& request);

void print_network(const NetworkResult& result, const std::string& target, std::size_t name_width);

}  // namespace sepconv::tools
