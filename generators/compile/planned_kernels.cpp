#include "generators/compile/planned_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "generators/compile/files.h"
#include "generators/compile/kernel_compiler.h"
#include "generators/compile/library_names.h"
#include "runtime/core/device_problems.h"

namespace sepconv::generators {
namespace {

constexpr std::size_t kMaxSymbolTextLength =
    100;  // keeps name + problem text + hash + "_metadata" below 200 characters
constexpr std::size_t kSymbolHashLength = 16;

std::vector<const Target*> find_targets(const std::vector<std::string>& names) {
  if (names.empty()) throw std::invalid_argument("targets: expected at least one name");
  std::vector<const Target*> targets;
  for (const std::string& name : names) {
    const Target& target = target_from_name(name);
    if (std::find(targets.begin(), targets.end(), &target) != targets.end())
      throw std::invalid_argument(fmt::format("target: '{}' is given twice", name));
    targets.push_back(&target);
  }
  for (const Target* target : targets)
    if (target->arch != targets.front()->arch || target->os != targets.front()->os)
      throw std::invalid_argument(
          fmt::format("targets: '{}' is for {} and '{}' for {}, which no archive can hold together; compile a library "
                      "for each, into a folder of its own",
                      targets.front()->name, system_text(*targets.front()), target->name, system_text(*target)));
  std::sort(targets.begin(), targets.end(), [](const Target* a, const Target* b) { return a->name < b->name; });
  return targets;
}

std::string target_names(const std::vector<const Target*>& targets) {
  std::string names;
  for (const Target* target : targets) names += (names.empty() ? "'" : ", '") + target->name + "'";
  return names;
}

/// A problem, the layers that it serves, and where it is compiled.
struct Use {
  ConvProblem problem;
  std::vector<std::string> layers;
  bool everywhere = false;                                // a layer's own
  bool network_on_cpus = false, network_on_gpus = false;  // a step's
};

/// Problem text -> its use.
std::map<std::string, Use> unique_problems(const Plan& plan, bool dynamic) {
  std::map<std::string, Use> uses;
  const auto add = [&](const ConvProblem& problem, const std::string& layer) -> Use& {
    Use& use = uses[to_text(problem)];
    use.problem = problem;
    if (std::find(use.layers.begin(), use.layers.end(), layer) == use.layers.end()) use.layers.push_back(layer);
    return use;
  };
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem problem = kernel_problem(layer.problem);
    add(problem, layer.name).everywhere = true;
    if (dynamic && !problem.is_dynamic()) add(with_dynamic_extents(problem), layer.name).everywhere = true;
  }
  if (!plan.network) return uses;
  for (const NetworkStep& step : plan.network->plan.steps) {
    add(kernel_problem(step.problem), step.layer).network_on_cpus = true;
    for (const ConvProblem& problem : detail::device_problems(plan.network->plan, step))
      add(problem, step.layer).network_on_gpus = true;
  }
  return uses;
}

bool is_cpu(const std::string& target) { return target_from_name(target).device == Device::cpu; }

/// Why neither `schedules` nor the rule has a schedule of the problem on the target, whose kernels have its type.
std::optional<std::string> why_no_schedule(const ConvProblem& problem, const Target& target, int threads,
                                           const ScheduleSource* schedules) {
  if (schedules != nullptr && schedules->find(problem, target)) return std::nullopt;
  const Lowering lowering = lower(problem, target);
  return reject_reason(default_schedule(lowering, threads), lowering);
}

/// Why no kernel can be made for the layer on any of the targets; nothing if one can.
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

/// The steps that prevent the network on some of the targets, in words: "layer 'x': why".
struct NetworkRefusals {
  std::optional<std::string> cpus;                        // on any CPU target; nothing where none is named
  std::vector<std::pair<std::string, std::string>> gpus;  // target, reason
  bool has_cpus = false;
  std::size_t gpu_count = 0;

  bool everywhere() const { return (!has_cpus || cpus) && gpus.size() == gpu_count; }
  bool on(const Target& target) const {
    if (target.device == Device::cpu) return cpus.has_value();
    return std::any_of(gpus.begin(), gpus.end(), [&](const auto& gpu) { return gpu.first == target.name; });
  }
};

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

}  // namespace

std::string PlannedKernel::object_symbol() const { return "sepconv_kernel_" + content_hash(symbol); }

std::vector<PlannedKernel> plan_kernels(const Plan& plan, const PlannedKernelOptions& options) {
  check_library_name(options.library);
  const std::vector<const Target*> targets = find_targets(options.targets);
  NetworkRefusals refusals;
  if (plan.network) refusals = network_refusals(*plan.network, options.targets, options.threads, options.schedules);
  std::vector<PlannedKernel> kernels;
  for (auto& [text, use] : unique_problems(plan, options.dynamic)) {
    const std::size_t before = kernels.size();
    bool wanted = false;
    for (const Target* target : targets) {
      const bool of_network = target->device == Device::cpu ? use.network_on_cpus : use.network_on_gpus;
      if (!use.everywhere && !(of_network && !refusals.on(*target))) continue;
      wanted = true;
      if (!serves(*target, use.problem.dtype)) continue;
      PlannedKernel kernel;
      kernel.problem = use.problem;
      kernel.target = *target;
      kernel.layers = use.layers;
      std::optional<Schedule> known;
      if (options.schedules != nullptr) known = options.schedules->find(use.problem, *target);
      if (!known && options.locked)
        throw std::invalid_argument(
            fmt::format("lockfile: no row for layer '{}' on target '{}' (problem '{}'); leave out --locked to let "
                        "the rule choose",
                        use.layers.front(), target->name, text));
      kernel.from_source = known.has_value();
      const Lowering lowering = lower(use.problem, *target);
      kernel.schedule = known ? *known : default_schedule(lowering, options.threads);
      if (const auto reason = reject_reason(kernel.schedule, lowering))
        throw std::invalid_argument(fmt::format("schedule '{}' of layer '{}' on target '{}' (problem '{}'): {}",
                                                to_text(kernel.schedule), use.layers.front(), target->name, text,
                                                *reason));
      kernel.key = kernel_key({text, target->name, to_text(kernel.schedule)}, options.generator_identity);
      kernel.symbol = fmt::format("{}_{}_{}_{}", options.library, identifier_from(text.substr(0, kMaxSymbolTextLength)),
                                  identifier_from(target->name), kernel.key.substr(0, kSymbolHashLength));
      kernels.push_back(std::move(kernel));
    }
    if (wanted && kernels.size() == before)
      throw std::invalid_argument(
          fmt::format("target: {} has no kernels for {}, the type of layer '{}'; name another too",
                      target_names(targets), to_text(use.problem.dtype), use.layers.front()));
  }
  return kernels;
}

void skip_layers_without_schedule(Plan& plan, const std::vector<std::string>& targets, int threads,
                                  const ScheduleSource* schedules) {
  std::erase_if(plan.layers, [&](const PlannedLayer& layer) {
    const auto reason = why_no_kernel(layer.problem, targets, threads, schedules);
    if (reason) plan.skipped.push_back({layer.name, stages_name(kernel_problem(layer.problem)), *reason});
    return reason.has_value();
  });
  if (!plan.network) return;
  const NetworkRefusals refusals = network_refusals(*plan.network, targets, threads, schedules);
  if (!refusals.everywhere()) return;
  plan.why_no_network =
      refusals.cpus ? *refusals.cpus : fmt::format("on {}: {}", refusals.gpus[0].first, refusals.gpus[0].second);
  plan.network.reset();
}

std::vector<std::string> network_gaps(const PlannedNetwork& network, const PlannedKernelOptions& options) {
  const NetworkRefusals refusals = network_refusals(network, options.targets, options.threads, options.schedules);
  std::vector<std::string> lines;
  if (refusals.cpus) lines.push_back(fmt::format("no network on CPUs: {}", *refusals.cpus));
  for (const auto& [target, reason] : refusals.gpus)
    lines.push_back(fmt::format("no network on {}: {}", target, reason));
  return lines;
}

bool has_device_kernels(const std::vector<PlannedKernel>& kernels) {
  return std::any_of(kernels.begin(), kernels.end(),
                     [](const PlannedKernel& kernel) { return kernel.target.device != Device::cpu; });
}

std::vector<std::string> default_target_names() {
  std::vector<std::string> names;
  for (const Target& target : native_cpu_targets()) names.push_back(target.name);
  return names;
}

}  // namespace sepconv::generators
