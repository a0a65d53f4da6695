// Every golden case of a type that GPU kernels have, on every GPU target that the library was compiled for.

#include <gtest/gtest.h>

#include <set>

#include "gpu_goldens.h"
#include "runner/compare.h"
#include "runner/golden_cases.h"
#include "runtime/core/axis_activation.h"
#include "sepconv/kernel_registry.h"
#include "tests/gpu/device_values.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace runner;

namespace {

const std::vector<GoldenCase>& cases() {
  static const std::vector<GoldenCase> all = [] {
    std::vector<GoldenCase> kept;
    for (GoldenCase& c : read_golden_cases(SEPCONV_TEST_GOLDENS, [](const std::string&) { return true; }))
      if (c.skip_reason.empty() && c.layer.problem.dtype != DataType::float64) kept.push_back(std::move(c));
    return kept;
  }();
  return all;
}

std::vector<std::string> targets() {
  std::set<std::string> names;
  const KernelTable& table = gpu_goldens::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i) names.insert(table.kernels[i].target);
  return {names.begin(), names.end()};
}

struct Parameter {
  std::string target;
  std::size_t index;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const std::string& target : targets())
    for (std::size_t i = 0; i < cases().size(); ++i) all.push_back({target, i});
  return all;
}

/// The shape that the kernel writes: before an activation along an axis, of which glu halves one.
Shape kernel_shape(const GoldenCase& c) {
  Shape shape = c.out_shape;
  shape[c.layer.problem.layout == Layout::nhwc ? shape.size() - 1 : 1] = c.layer.problem.OC();
  return shape;
}

class Goldens : public testing::TestWithParam<Parameter> {};

TEST_P(Goldens, EqualKeras) {
  const GoldenCase& c = cases()[GetParam().index];
  const Device& device = device_for(GetParam().target);
  if (device.context == nullptr) GTEST_SKIP() << device.why_not;
  use_kernels(gpu_goldens::kernels());
  const ConvProblem& problem = c.layer.problem;
  const DataType dtype = problem.dtype;
  const GpuLayer layer(*device.context, c.name, kernel_problem(problem), c.layer.weights, GetParam().target);
  EXPECT_EQ(layer.kernel().target, GetParam().target);

  GpuTensor in(*device.context, dtype, c.in_shape), out(*device.context, dtype, kernel_shape(c));
  const std::vector<std::byte> input = bytes_of(c.input, dtype);
  std::vector<std::byte> made(
      static_cast<std::size_t>(dense_view(static_cast<const void*>(nullptr), dtype, out.shape()).elements()) *
      size_bytes(dtype));
  // What the kernel leaves out shows as NaN.
  std::fill(made.begin(), made.end(), std::byte{0xff});
  Status status = in.copy_from(dense_view(static_cast<const void*>(input.data()), dtype, in.shape()));
  ASSERT_TRUE(status.ok()) << status.message();
  status = out.copy_from(dense_view(static_cast<const void*>(made.data()), dtype, out.shape()));
  ASSERT_TRUE(status.ok()) << status.message();
  status = layer.run(in, out);
  ASSERT_TRUE(status.ok()) << status.message();
  const TensorView view = dense_view(static_cast<void*>(made.data()), dtype, out.shape());
  status = out.copy_to(view);
  ASSERT_TRUE(status.ok()) << status.message();

  std::vector<std::byte> result = made;
  if (kernel_problem(problem) != problem) {
    result.resize(c.expected.size() * size_bytes(dtype));
    apply_axis_activation(activation_of(output(problem)), view,
                          dense_view(static_cast<void*>(result.data()), dtype, c.out_shape));
  }
  const Comparison comparison = compare(values_of(result, dtype), c.expected, c.limit, dtype);
  EXPECT_TRUE(comparison.ok) << c.name << ": error " << comparison.max_error << " at " << comparison.index
                             << ", allowed " << comparison.limit << "; " << layer.kernel().schedule;
}

TEST(GpuKernels, AreFusedAndNot) {
  int fused = 0, unfused = 0;
  const KernelTable& table = gpu_goldens::kernels();
  for (std::size_t i = 0; i < table.kernel_count; ++i) {
    const std::string schedule = table.kernels[i].schedule;
    if (problem_from_text(table.kernels[i].problem).stages.size() == 2)
      ++(schedule.find("fuse1") == std::string::npos ? unfused : fused);
  }
  EXPECT_GT(fused, 20);
  EXPECT_GT(unfused, 20);
}

TEST(GpuErrors, SayWhatIsWrong) {
  EXPECT_THROW(GpuContext(CudaHandles{}), std::invalid_argument);
  const Device& device = device_for(targets().front());
  if (device.context == nullptr) GTEST_SKIP() << device.why_not;
  use_kernels(gpu_goldens::kernels());
  const GpuContext& gpu = *device.context;
  EXPECT_THROW(GpuTensor(gpu, DataType::float64, {4}), std::invalid_argument);
  EXPECT_THROW(GpuTensor(gpu, DataType::float32, {0, 4}), std::invalid_argument);

  const GoldenCase& c = cases().front();
  const ConvProblem problem = kernel_problem(c.layer.problem);
  ConvProblem softmax = problem, other = problem;
  set_activation(softmax.stages.back().epilogue, default_activation(ActivationKind::softmax));
  other.IW += 1;
  EXPECT_THROW(GpuLayer(gpu, "x", softmax, c.layer.weights), std::invalid_argument);
  try {
    GpuLayer(gpu, "x", other, c.layer.weights);
    FAIL() << "no kernel is made for this width";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("layer 'x': no GPU kernel for"), std::string::npos) << error.what();
  }

  const GpuLayer layer(gpu, "x", problem, c.layer.weights);
  GpuTensor in(gpu, problem.dtype, layer.input_shape(1)), out(gpu, problem.dtype, layer.output_shape(2));
  EXPECT_EQ(layer.run(in, out).code(), StatusCode::invalid_shape);
  const GpuContext second(gpu.api());
  GpuTensor foreign(second, problem.dtype, layer.output_shape(1));
  EXPECT_EQ(layer.run(in, foreign).code(), StatusCode::invalid_layout);
  const std::vector<float> host(3);
  EXPECT_EQ(in.copy_from(dense_view(host.data(), {3})).code(), StatusCode::invalid_shape);
  EXPECT_TRUE(gpu.synchronize().ok());
  gpu.release_unused_memory();
}

TEST(GpuLayers, TakeOperands) {
  const Device& device = device_for(targets().front());
  if (device.context == nullptr) GTEST_SKIP() << device.why_not;
  use_kernels(gpu_goldens::kernels());
  const GpuContext& gpu = *device.context;
  const ConvProblem problem = problem_from_text("f16_nhwc_i5x6x8.copy_k1x1.mul_c.add");
  const GpuLayer layer(gpu, "x", problem, {});
  const auto tensor = [&](const Shape& shape, double value) {
    const std::int64_t count = dense_view(static_cast<const void*>(nullptr), problem.dtype, shape).elements();
    return device_tensor(gpu, problem.dtype, shape, std::vector<double>(static_cast<std::size_t>(count), value));
  };
  const GpuTensor in = tensor({2, 5, 6, 8}, 3), factors = tensor({2, 1, 1, 8}, 4), terms = tensor({2, 5, 6, 8}, 0.5);
  GpuTensor out = tensor({2, 5, 6, 8}, 0);
  const GpuTensor *both[] = {&factors, &terms}, *exchanged[] = {&terms, &factors}, *overlapping[] = {&factors, &out};
  ASSERT_TRUE(layer.run(in, both, 2, out).ok());
  EXPECT_EQ(values_of(out), std::vector<double>(2 * 5 * 6 * 8, 12.5));

  EXPECT_EQ(layer.run(in, out).code(), StatusCode::invalid_shape);
  EXPECT_EQ(layer.run(in, exchanged, 2, out).code(), StatusCode::invalid_shape);
  EXPECT_EQ(layer.run(in, overlapping, 2, out).code(), StatusCode::invalid_layout);
}

std::string case_name(const testing::TestParamInfo<Parameter>& info) {
  return test_name(info.param.target + "_" + cases()[info.param.index].name);
}

INSTANTIATE_TEST_SUITE_P(Keras, Goldens, testing::ValuesIn(parameters()), case_name);

}  // namespace
}  // namespace sepconv::test
