#pragma once
// Calls sepconv-runner as a child process, so that a kernel that crashes fails its own case and no other.

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

namespace sepconv::tools {

struct RunnerCase {
  std::string name, layer, kernel, target, schedule;
  std::string status;   // "ok", "miss", "error", "not_run" (the CPU lacks what the kernel needs)
  std::string message;  // of errors and of what was not run
  double max_error = 0, limit = 0;

  bool failed() const { return status != "ok" && status != "not_run"; }
};

struct RunnerRequest {
  std::vector<std::string> runner;  // the program, after an emulator's words if there is one
  std::string mode;                 // "check" or "compare"
  std::filesystem::path library, weights;
  std::vector<std::string> layers;     // in the weights file's order
  std::vector<std::string> arguments;  // further ones, of the mode
  std::filesystem::path report;        // a file that this may write and remove
  double seconds = 600;                // time limit of each start of the runner
  const std::atomic<bool>* cancelled = nullptr;
};

/// Runs the layers' cases. After a crash, the case that crashed is an error, and the rest run in a new process.
/// @throws std::runtime_error with the runner's message when it cannot do its work; CompileCancelled.
std::vector<RunnerCase> run_cases(const RunnerRequest& request);

/// The words of a command line; spaces separate, there is no quoting.
/// @throws std::invalid_argument naming `option` when there is no word.
std::vector<std::string> words(const std::string& text, const char* option);

}  // namespace sepconv::tools
