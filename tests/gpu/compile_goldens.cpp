// Compiles the layers of a folder of golden cases for GPU targets: sepconv_gpu_compile_goldens DIR NAME OUT CACHE
// GENERATOR TARGET...

#include <map>

#include "bench/gpu/compile_program.h"
#include "runner/golden_cases.h"
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
  return plan;
}

}  // namespace
}  // namespace sepconv::test

int main(int argc, char** argv) {
  const sepconv::test::EveryOtherFused schedules;
  return sepconv::bench::run_compile_program(argc, argv, "sepconv_gpu_compile_goldens", "DIR", sepconv::test::read_plan,
                                             &schedules);
}
