#pragma once
// Runs a program, or a function, as a child process under limits of time and memory, with its output captured.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sepconv::generators {

struct ProcessLimits {
  double seconds = 120;                          // wall clock; the process group is killed after it
  const std::atomic<bool>* cancelled = nullptr;  // the process group is killed soon after it becomes true
  /// Limit of the memory in use by the program (Linux): the process group is killed soon after it exceeds it. 0 = no
  /// limit. If a program grows too fast for that, its allocations fail at one and a half times the limit plus
  /// 256 MiB.
  std::uint64_t memory_bytes = 0;
  int cpu_seconds = 0;           // processor time of each process; 0 = no limit
  std::filesystem::path folder;  // working folder of the program; this process's if empty
};

struct ProcessResult {
  enum class End { exited, signalled, timed_out, cancelled, out_of_memory, out_of_cpu_time };
  End end = End::exited;
  int code = 0;        // exit status, or the signal's number
  std::string output;  // stdout and stderr as they came, the last 64 KiB of them
  double seconds = 0;  // wall clock

  bool ok() const { return end == End::exited && code == 0; }
};

/// Runs argv (argv[0] is a path or is looked up in PATH) in its own process group with empty stdin, and waits. Leaves
/// nothing running that the child started. On Linux the child is killed when this process is.
/// @throws std::runtime_error naming the program when it cannot be started, or when its exit status was lost because
///   SIGCHLD is ignored.
ProcessResult run_process(const std::vector<std::string>& argv, const ProcessLimits& limits = {});

/// The same for a function in a forked copy of this process, which exits with the function's result. It may allocate
/// and read files. It inherits no signal handlers and ends when this process does.
/// @throws std::runtime_error if no further process can be started.
ProcessResult run_forked(const std::function<int()>& work, const ProcessLimits& limits = {});

/// "exit status 1", "killed by signal 11 (Segmentation fault)", "timed out after 120 s", "cancelled", "needed more than
/// 4096 MiB of memory", "needed more than 10 s of processor time".
std::string end_text(const ProcessResult& result, const ProcessLimits& limits);

/// Bytes of memory that a running process uses; 0 if the system does not report it (Linux does).
std::uint64_t resident_bytes(int pid);

/// The last line of a program's output, without the program's name in front.
std::string last_line(const std::string& output, const std::string& program);

}  // namespace sepconv::generators
