#pragma once
// A task for sepconv-runner and its report, both as plain text, so that it may run anywhere.

#include <filesystem>
#include <string>
#include <vector>

#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

/// Arguments of the runner other than the kernels.
struct RunnerSettings {
  double call_seconds = 10;
  std::uint64_t memory_bytes = 0;
  int cpu = -1;
  std::filesystem::path reference;  // the file that keeps the problem's exact result
  std::filesystem::path report;     // the file that the runner writes
};

/// The arguments that follow the runner's command.
/// @param yardstick  the first kernel is the task's first candidate.
std::vector<std::string> runner_arguments(const std::vector<std::filesystem::path>& kernels, bool yardstick,
                                          const TimingOptions& timing, const RunnerSettings& settings);

/// The longest time that a working runner needs for its kernels.
double runner_seconds(std::size_t kernels, const TimingOptions& timing, const RunnerSettings& settings);

/// Fills the trials of the kernels, in order, with the lines of a report.
/// @returns how many of them the report has: all, unless the runner ended early.
/// @throws std::runtime_error for a line that does not belong to a report.
std::size_t read_report(const std::string& report, const std::vector<std::filesystem::path>& kernels,
                        const std::vector<Trial*>& trials);

/// The trial that a line of a report is about, or one with only "status", "message" and "build_seconds".
/// @throws std::runtime_error for a line that does not belong to a report.
Trial trial_from_line(const Candidate& candidate, const std::string& line);

}  // namespace sepconv::autoschedule
