#pragma once
// Runs a program as a child process under a time limit, with its output captured.

#include <atomic>
#include <string>
#include <vector>

namespace sepconv {

struct ProcessLimits {
  double seconds = 120;                          // wall clock; the process group is killed after it
  const std::atomic<bool>* cancelled = nullptr;  // the process group is killed soon after it becomes true
};

struct ProcessResult {
  enum class End { exited, signalled, timed_out, cancelled };
  End end = End::exited;
  int code = 0;        // exit status, or the signal's number
  std::string output;  // stdout and stderr as they came, the last 64 KiB of them
  double seconds = 0;  // wall clock

  bool ok() const { return end == End::exited && code == 0; }
};

/// Runs argv (argv[0] is a path or is looked up in PATH) in a process group of its own, stdin empty, and waits. Nothing
/// that the child started is left running.
/// @throws std::runtime_error naming the program when it cannot be started.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessLimits& limits = {});

/// "exit status 1", "killed by signal 11 (Segmentation fault)", "timed out after 120 s", "cancelled".
std::string end_text(const ProcessResult& result, const ProcessLimits& limits);

}  // namespace sepconv
