// Compiles the layers of a folder of golden cases for GPU targets: sepconv_gpu_compile_goldens DIR NAME OUT CACHE
// GENERATOR TARGET...

#include <map>
#include <span>

#include "bench/gpu/compile_program.h"
#include "runner/golden_cases.h"
#include "runtime/core/device_problems.h"
#include "runtime/core/memory_plan.h"
#include "tests/gpu/further_problems.h"

namespace sepconv::test {

using namespace generators;
using namespace runner;

namespace {

/// The rule's schedules, but every other separable problem is fused and the others are not: the cases are small, and
/// the rule would fuse nearly all of them.
class EveryOtherFused : public ScheduleSource {
 public:
  std::optional<Schedule> find(const ConvProblem& problem, const Target& target) const override {
    if (problem.stages.size() == 1 || target.device == Device::cpu) return std::nullopt;
    const auto number = numbers_.emplace(to_text(problem), static_cast<int>(numbers_.size())).first->second;
    GpuSchedule schedule = default_gpu_schedule(lower(problem, target));
    schedule.fuse = number % 2;
    return schedule;
  }

 private:
  mutable std::map<std::string, int> numbers_;
};

/// A network of steps that each have an input and an output of the network: their kernels are those of networks.
PlannedNetwork network_of(std::span<const char* const> problems) {
  PlannedNetwork network;
  NetworkPlan& plan = network.plan;
  for (const char* text : problems) {
    const ConvProblem problem = problem_from_text(text);
    const Extents out = detail::axis_output(problem);
    const auto add = [&](const Extents& e) {
      const auto index = static_cast<std::int32_t>(plan.tensors.size());
      plan.tensors.push_back({std::to_string(index), problem.dtype, {e.H, e.W, e.C}, 1, index});
      return index;
    };
    const std::int32_t input = add(problem.extents_after(0)), output = add(out);
    plan.inputs.push_back(input);
    plan.outputs.push_back(output);
    plan.steps.push_back({text, {}, problem, input, output, {}});
    network.layers.emplace_back();
    network.layers.back().name = text;
    network.layers.back().problem = problem;
  }
  detail::plan_memory(plan);
  return network;
}

Plan read_plan(const std::string& folder) {
  Plan plan;
  for (GoldenCase& c : read_golden_cases(folder, [](const std::string&) { return true; }))
    if (c.skip_reason.empty() && c.layer.problem.dtype != DataType::float64) plan.layers.push_back(std::move(c.layer));
  for (const char* text : kFurtherProblems) {
    PlannedLayer layer;
    layer.name = "further_" + std::to_string(plan.layers.size());
    layer.problem = problem_from_text(text);
    plan.layers.push_back(std::move(layer));
  }
  plan.network = network_of(kAxisProblems);
  return plan;
}

}  // namespace
}  // namespace sepconv::test

int main(int argc, char** argv) {
  const sepconv::test::EveryOtherFused schedules;
  return sepconv::bench::run_compile_program(argc, argv, "sepconv_gpu_compile_goldens", "DIR", sepconv::test::read_plan,
                                             &schedules);
}
