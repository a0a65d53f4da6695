// The problems that the golden cases do not have, on every GPU target that the library was compiled for. Their images
// lie at odd places of larger memories.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "gpu_goldens.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "runtime/core/device_problems.h"
#include "sepconv/kernel_registry.h"
#include "tests/gpu/device_values.h"
#include "tests/gpu/further_problems.h"
#include "tests/gpu/placed_images.h"

namespace sepconv::test {

using namespace runner;

namespace {

constexpr std::int64_t kBatch = 2;

struct Parameter {
  std::string target, problem;
};

std::vector<Parameter> parameters() {
  std::set<std::string> targets;
  const KernelTable& table = gpu_goldens::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i) targets.insert(table.kernels[i].target);
  std::vector<Parameter> all;
  for (const std::string& target : targets) {
    for (const char* problem : kFurtherProblems) all.push_back({target, problem});
    for (const char* problem : kAxisProblems) all.push_back({target, problem});
  }
  return all;
}

class GpuFurtherProblems : public testing::TestWithParam<Parameter> {};

TEST_P(GpuFurtherProblems, EqualTheReference) {
  const Device& device = device_for(GetParam().target);
  if (device.context == nullptr) GTEST_SKIP() << device.why_not;
  use_kernels(gpu_goldens::kernels());
  const GpuContext& gpu = *device.context;
  const ConvProblem problem = problem_from_text(GetParam().problem);
  const SeededCase data = real_values(problem, kBatch, 5);
  const ReferenceOutput wanted =
      reference_with_limits(problem, data.weights, kBatch, std::span<const double>(data.input), 1, data.operands);

  const DeviceKernel kernel(gpu, "the kernel", problem, data.weights, "", GetParam().target);
  const auto placed = [&](const Extents& extents, const Pitches& pitches, std::int64_t first,
                          const std::vector<double>& values) {
    return PlacedImages(gpu, problem.dtype, problem.layout, extents, pitches, kBatch, first, values);
  };
  const Extents output =
      detail::is_axis_problem(problem) ? detail::axis_output(problem) : problem.extents_after(problem.stages.size());
  const PlacedImages in = placed(problem.extents_after(0), problem.input_pitches, 3, data.input),
                     out = placed(output, problem.output_pitches, 1, {});
  std::vector<PlacedImages> operands;
  for (const EpilogueStep& step : problem.stages.back().epilogue)
    if (has_operand(step))
      operands.push_back(placed(operand_extents(output, step.broadcast), {}, 7, data.operands[operands.size()]));
  std::vector<DeviceImages> operand_images;
  for (const PlacedImages& operand : operands) operand_images.push_back(operand.images());

  const Status status = kernel.launch(in.images(), operand_images.data(), out.images(), kBatch);
  ASSERT_TRUE(status.ok()) << status.message();
  const std::vector<double> values = out.values();
  ASSERT_EQ(values.size(), wanted.values.size());
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_LE(std::abs(values[i] - wanted.values[i]), wanted.limits[i]) << i << ": " << kernel.kernel().schedule;
}

std::string problem_name(const testing::TestParamInfo<Parameter>& info) {
  return test_name(info.param.target + "_" + info.param.problem);
}

INSTANTIATE_TEST_SUITE_P(All, GpuFurtherProblems, testing::ValuesIn(parameters()), problem_name);

}  // namespace
}  // namespace sepconv::test
