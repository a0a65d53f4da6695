// Compiles the layers of a folder of golden cases for GPU targets: sepconv_gpu_compile_goldens DIR NAME OUT CACHE
// GENERATOR TARGET...

#include <cstdio>
#include <exception>
#include <map>

#include "compile/compile_library.h"
#include "golden_cases.h"

namespace sepconv {
namespace {

/// The rule's schedules, but every other separable problem is fused and the others are not: the cases are small, and
/// the rule would fuse nearly all of them.
class EveryOtherFused : public ScheduleSource {
 public:
  std::optional<Schedule> find(const ConvProblem& problem, const Target& target) const override {
    if (problem.op != ConvOp::separable || target.device == Device::cpu) return std::nullopt;
    const auto number = numbers_.emplace(to_text(problem), static_cast<int>(numbers_.size())).first->second;
    GpuSchedule schedule = default_gpu_schedule(problem, target);
    schedule.fuse = number % 2;
    return schedule;
  }

 private:
  mutable std::map<std::string, int> numbers_;
};

}  // namespace
}  // namespace sepconv

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fprintf(stderr, "usage: sepconv_gpu_compile_goldens DIR NAME OUT CACHE GENERATOR TARGET...\n");
    return 2;
  }
  try {
    sepconv::Plan plan;
    for (sepconv::GoldenCase& c : sepconv::read_golden_cases(argv[1], [](const std::string&) { return true; }))
      if (c.skip_reason.empty() && c.layer.problem.dtype != sepconv::DataType::float64)
        plan.layers.push_back(std::move(c.layer));
    sepconv::CompileOptions options;
    options.name = argv[2];
    options.output_dir = argv[3];
    options.cache_dir = argv[4];
    options.generator = argv[5];
    options.targets.assign(argv + 6, argv + argc);
    const sepconv::EveryOtherFused schedules;
    options.schedules = &schedules;
    const sepconv::CompileResult result = sepconv::compile_library(plan, options);
    std::printf("%zu kernels, %zu of them from the cache\n", result.kernels.size(), result.cached);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sepconv_gpu_compile_goldens: %s\n", error.what());
    return 1;
  }
}
