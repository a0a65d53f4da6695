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

/// Problem text -> the problem and the layers that it serves.
struct Use {
  ConvProblem problem;
  std::vector<std::string> layers;
  bool only_network = true;  // which runs on CPUs
};

std::map<std::string, Use> unique_problems(const Plan& plan, bool dynamic) {
  std::map<std::string, Use> uses;
  const auto add = [&](const ConvProblem& problem, const std::string& layer, bool of_network) {
    Use& use = uses[to_text(problem)];
    use.problem = problem;
    if (std::find(use.layers.begin(), use.layers.end(), layer) == use.layers.end()) use.layers.push_back(layer);
    use.only_network = use.only_network && of_network;
  };
  for (const PlannedLayer& layer : plan.layers) {
    const ConvProblem problem = kernel_problem(layer.problem);
    add(problem, layer.name, false);
    if (dynamic && !problem.is_dynamic()) add(with_dynamic_extents(problem), layer.name, false);
  }
  if (plan.network)
    for (const PlannedLayer& layer : plan.network->layers) add(kernel_problem(layer.problem), layer.name, true);
  return uses;
}

/// Why no kernel can be made for the layer on any of the targets; nothing if one can.
std::optional<std::string> why_no_schedule(const PlannedLayer& layer, const std::vector<std::string>& targets,
                                           int threads, const ScheduleSource* schedules) {
  const ConvProblem problem = kernel_problem(layer.problem);
  if (const auto reason = why_not_compiled(problem)) return reason;
  std::optional<std::string> reason;
  for (const std::string& name : targets) {
    const Target& target = target_from_name(name);
    if (!serves(target, problem.dtype)) continue;
    if (schedules != nullptr && schedules->find(problem, target)) return std::nullopt;
    const Lowering lowering = lower(problem, target);
    reason = reject_reason(default_schedule(lowering, threads), lowering);
    if (!reason) return std::nullopt;
    reason = fmt::format("no schedule on {}: {}", name, *reason);
  }
  return reason;  // nothing where no target has its type: plan_kernels says so
}

}  // namespace

std::string PlannedKernel::object_symbol() const { return "sepconv_kernel_" + content_hash(symbol); }

std::vector<PlannedKernel> plan_kernels(const Plan& plan, const PlannedKernelOptions& options) {
  check_library_name(options.library);
  const std::vector<const Target*> targets = find_targets(options.targets);
  std::vector<PlannedKernel> kernels;
  for (auto& [text, use] : unique_problems(plan, options.dynamic)) {
    const std::size_t before = kernels.size();
    for (const Target* target : targets) {
      if (!serves(*target, use.problem.dtype) || (use.only_network && target->device != Device::cpu)) continue;
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
    if (kernels.size() == before)
      throw std::invalid_argument(
          fmt::format("target: {} has no kernels for {}, the type of layer '{}'; name another too",
                      target_names(targets), to_text(use.problem.dtype), use.layers.front()));
  }
  return kernels;
}

void skip_layers_without_schedule(Plan& plan, const std::vector<std::string>& targets, int threads,
                                  const ScheduleSource* schedules) {
  std::erase_if(plan.layers, [&](const PlannedLayer& layer) {
    const auto reason = why_no_schedule(layer, targets, threads, schedules);
    if (reason) plan.skipped.push_back({layer.name, stages_name(kernel_problem(layer.problem)), *reason});
    return reason.has_value();
  });
  if (!plan.network) return;
  std::vector<std::string> cpus;
  std::copy_if(targets.begin(), targets.end(), std::back_inserter(cpus),
               [](const std::string& name) { return target_from_name(name).device == Device::cpu; });
  std::string why_not = cpus.empty() ? "a network runs on a CPU, and no target is one" : "";
  for (const PlannedLayer& layer : plan.network->layers) {
    if (!why_not.empty()) break;
    if (const auto reason = why_no_schedule(layer, cpus, threads, schedules))
      why_not = fmt::format("layer '{}': {}", layer.name, *reason);
  }
  if (why_not.empty()) return;
  plan.network.reset();
  plan.why_no_network = why_not;
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
