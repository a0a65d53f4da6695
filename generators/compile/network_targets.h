#pragma once
// Which targets can run a network, and which step prevents the others.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "generators/compile/schedule_source.h"
#include "generators/spec/target.h"
#include "sepconv/plan.h"

namespace sepconv::generators {

/// Why no kernel can be made for the problem, without its activation along an axis, on any of the targets; nothing if
/// one can, or if no target has kernels of its type.
std::optional<std::string> why_no_kernel(const ConvProblem& problem, const std::vector<std::string>& targets,
                                         int threads, const ScheduleSource* schedules);

/// The first steps that have no kernel, in words: "layer 'x': why".
struct NetworkRefusals {
  bool has_cpus = false;
  std::size_t gpu_count = 0;
  std::optional<std::string> cpus;                        // on all CPU targets together
  std::vector<std::pair<std::string, std::string>> gpus;  // target, reason

  bool everywhere() const { return (!has_cpus || cpus) && gpus.size() == gpu_count; }
  bool on(const Target& target) const;
  /// "no network on opencl: layer 'x': why", a line for the CPU targets and for each GPU target.
  std::vector<std::string> lines() const;
};

NetworkRefusals network_refusals(const PlannedNetwork& network, const std::vector<std::string>& targets, int threads,
                                 const ScheduleSource* schedules);

}  // namespace sepconv::generators
