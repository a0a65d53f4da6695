#include "generators/compile/network_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/lowering.h"
#include "runtime/core/device_problems.h"

namespace sepconv::generators {
namespace {

bool is_cpu(const std::string& target) { return target_from_name(target).device == Device::cpu; }

/// Why neither `schedules` nor the rule has a schedule of the problem on the target, whose kernels have its type.
std::optional<std::string> why_no_schedule(const ConvProblem& problem, const Target& target, int threads,
                                           const ScheduleSource* schedules) {
  if (schedules != nullptr && schedules->find(problem, target)) return std::nullopt;
  const Lowering lowering = lower(problem, target);
  return reject_reason(default_schedule(lowering, threads), lowering);
}

/// Why the GPU target cannot run the step; nothing if it can.
std::optional<std::string> why_not_on_gpu(const NetworkPlan& network, const NetworkStep& step, const Target& target,
                                          const ScheduleSource* schedules) {
  for (const ConvProblem& problem : detail::device_problems(network, step)) {
    if (const auto reason = why_not_compiled(problem)) return reason;
    if (!serves(target, problem.dtype)) return fmt::format("there are no kernels for {}", to_text(problem.dtype));
    try {
      if (const auto reason = why_no_schedule(problem, target, 1, schedules)) return reason;
    } catch (const std::invalid_argument& error) {  // of a rule that has no schedule at all
      return error.what();
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> why_no_kernel(const ConvProblem& layer_problem, const std::vector<std::string>& targets,
                                         int threads, const ScheduleSource* schedules) {
  const ConvProblem problem = kernel_problem(layer_problem);
  if (const auto reason = why_not_compiled(problem)) return reason;
  std::optional<std::string> reason;
  for (const std::string& name : targets) {
    const Target& target = target_from_name(name);
    if (!serves(target, problem.dtype)) continue;
    reason = why_no_schedule(problem, target, threads, schedules);
    if (!reason) return std::nullopt;
    reason = fmt::format("no schedule on {}: {}", name, *reason);
  }
  return reason;  // nothing where no target has its type: plan_kernels says so
}

bool NetworkRefusals::on(const Target& target) const {
  if (target.device == Device::cpu) return cpus.has_value();
  return std::any_of(gpus.begin(), gpus.end(), [&](const auto& gpu) { return gpu.first == target.name; });
}

std::vector<std::string> NetworkRefusals::lines() const {
  std::vector<std::string> lines;
  if (cpus) lines.push_back(fmt::format("no network on CPUs: {}", *cpus));
  for (const auto& [target, reason] : gpus) lines.push_back(fmt::format("no network on {}: {}", target, reason));
  return lines;
}

NetworkRefusals network_refusals(const PlannedNetwork& network, const std::vector<std::string>& targets, int threads,
                                 const ScheduleSource* schedules) {
  NetworkRefusals refusals;
  std::vector<std::string> cpus;
  std::copy_if(targets.begin(), targets.end(), std::back_inserter(cpus), is_cpu);
  refusals.has_cpus = !cpus.empty();
  refusals.gpu_count = targets.size() - cpus.size();
  const auto first_refusal = [&](auto&& why_not) -> std::optional<std::string> {
    for (const NetworkStep& step : network.plan.steps)
      if (const std::optional<std::string> reason = why_not(step))
        return fmt::format("layer '{}': {}", step.layer, *reason);
    return std::nullopt;
  };
  if (refusals.has_cpus)
    refusals.cpus =
        first_refusal([&](const NetworkStep& step) { return why_no_kernel(step.problem, cpus, threads, schedules); });
  for (const std::string& name : targets) {
    if (is_cpu(name)) continue;
    if (const auto reason = first_refusal([&](const NetworkStep& step) {
          return why_not_on_gpu(network.plan, step, target_from_name(name), schedules);
        }))
      refusals.gpus.emplace_back(name, *reason);
  }
  return refusals;
}

}  // namespace sepconv::generators
