#include "generators/compile/planned_kernels.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "generators/compile/files.h"
#include "generators/compile/kernel_compiler.h"
#include "generators/compile/library_names.h"
#include "generators/compile/network_targets.h"
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
