#include "tests/kernels/kernel_batch.h"

#include <cstring>
#include <map>
#include <stdexcept>

#include "generators/compile/compile_library.h"
#include "generators/compile/files.h"
#include "sepconv/kernel_registry.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

/// The schedules of one library: a problem has at most one on each target.
class FixedSchedules : public ScheduleSource {
 public:
  static std::string key(const ConvProblem& problem, const std::string& target) {
    return to_text(problem) + " " + target;
  }
  std::map<std::string, CpuSchedule> schedules;

  std::optional<Schedule> find(const ConvProblem& problem, const Target& target) const override {
    const auto found = schedules.find(key(problem, target.name));
    return found == schedules.end() ? std::nullopt : std::optional<Schedule>(found->second);
  }
};

CompileOptions options_for(const std::string& name, const std::filesystem::path& folder) {
  CompileOptions options;
  options.name = name;
  options.output_dir = folder;
  options.shared = true;
  options.locked = true;
  options.cache_dir = SEPCONV_TEST_CACHE;
  options.generator = SEPCONV_TEST_GENERATOR;
  options.include_dir = SEPCONV_TEST_INCLUDE;
  return options;
}

const CompiledKernel* find_kernel(const KernelTable& table, const KernelSpec& spec) {
  const std::string problem = to_text(spec.problem), schedule = to_text(spec.schedule);
  for (std::size_t i = 0; i < table.kernel_count; ++i)
    if (table.kernels[i].problem == problem && table.kernels[i].schedule == schedule &&
        table.kernels[i].target == spec.target)
      return &table.kernels[i];
  return nullptr;
}

/// Compiles the specs numbered `indices`, all of one target and of different problems.
void compile_group(const std::string& name, const std::vector<KernelSpec>& specs,
                   const std::vector<std::size_t>& indices, std::vector<BatchKernel>& results) {
  const TempDir folder;
  CompileOptions options = options_for(name, folder.path());
  options.targets = {specs[indices.front()].target};
  FixedSchedules schedules;
  Plan plan;
  for (const std::size_t index : indices) {
    const KernelSpec& spec = specs[index];
    schedules.schedules[FixedSchedules::key(spec.problem, spec.target)] = spec.schedule;
    PlannedLayer layer;
    layer.name = "layer_" + std::to_string(index);
    layer.problem = spec.problem;
    plan.layers.push_back(layer);
  }
  options.schedules = &schedules;
  compile_library(plan, options);
  const KernelTable& table = load_kernel_library(folder.path() / ("lib" + name + ".so"));
  for (const std::size_t index : indices) {
    results[index].kernel = find_kernel(table, specs[index]);
    if (results[index].kernel == nullptr) results[index].fault = "the library lacks its kernel";
  }
}

}  // namespace

std::string to_text(const KernelSpec& spec) {
  return to_text(spec.problem) + "  " + to_text(spec.schedule) + "  " + spec.target;
}

std::vector<BatchKernel> compile_and_load(const std::string& name, const std::vector<KernelSpec>& specs) {
  // A library has one kernel for each problem and target: further schedules go into further libraries.
  std::map<std::pair<std::string, std::size_t>, std::vector<std::size_t>> groups;
  std::map<std::string, std::size_t> uses;
  for (std::size_t i = 0; i < specs.size(); ++i)
    groups[{specs[i].target, uses[FixedSchedules::key(specs[i].problem, specs[i].target)]++}].push_back(i);
  std::vector<BatchKernel> results(specs.size());
  std::size_t number = 0;
  for (const auto& [key, indices] : groups) {
    const std::string library = name + "_g" + std::to_string(number++);
    try {
      compile_group(library, specs, indices, results);
    } catch (const std::exception& error) {
      if (indices.size() == 1) {
        results[indices.front()].fault = error.what();
        continue;
      }
      // One by one: what has been compiled comes from the cache.
      for (const std::size_t index : indices) {
        try {
          compile_group(library + "_k" + std::to_string(index), specs, {index}, results);
        } catch (const std::exception& single) {
          results[index].fault = single.what();
        }
      }
    }
  }
  return results;
}

}  // namespace sepconv::test
