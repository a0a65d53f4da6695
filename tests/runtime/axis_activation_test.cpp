// softmax, log_softmax, sparsemax and glu: along any axis of any view, and after a layer's kernel.

#include "runtime/core/axis_activation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Activation along(ActivationKind kind, int axis = -1) {
  Activation activation = default_activation(kind);
  activation.axis = axis;
  return activation;
}

/// One line in float64.
std::vector<double> applied(ActivationKind kind, const std::vector<double>& line) {
  const Shape shape = {static_cast<std::int64_t>(line.size())};
  const Tensor in = make_tensor(line, shape, DataType::float64);
  Tensor out(axis_activation_shape(along(kind), shape), DataType::float64);
  apply_axis_activation(along(kind), in, out);
  return to_doubles(out);
}

void expect_near(const std::vector<double>& values, const std::vector<double>& wanted, double limit) {
  ASSERT_EQ(values.size(), wanted.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], wanted[i], limit) << i;
}

TEST(AxisActivation, SoftmaxIsStableForLargeValues) {
  const double sum = std::exp(-1.0) + 1 + std::exp(-3.0);
  expect_near(applied(ActivationKind::softmax, {1000, 1001, 998}),
              {std::exp(-1.0) / sum, 1 / sum, std::exp(-3.0) / sum}, 1e-16);
  expect_near(applied(ActivationKind::log_softmax, {1000, 1001, 998}),
              {-1 - std::log(sum), -std::log(sum), -3 - std::log(sum)}, 1e-15);
}

TEST(AxisActivation, SparsemaxSumsTheCumulativeSumsAsKerasDoes) {
  // Sorted 0.6, 0.5, -1: the cumulative sums 0.6 and 1.1 are in the support, the threshold is (0.6 + 1.1 - 1) / 2.
  expect_near(applied(ActivationKind::sparsemax, {0.5, -1, 0.6}), {0.15, 0, 0.25}, 1e-15);
  // Equal elements count one by one: cumulative sums 1, 2, 3 of which 1 - (2 - 1) / 2 and 1 - (3 - 1) / 3 are positive.
  expect_near(applied(ActivationKind::sparsemax, {1, 1, 1}), {0, 0, 0}, 0);
  // A support of one element: 3 - (3 - 1).
  expect_near(applied(ActivationKind::sparsemax, {3, 0, 1}), {1, 0, 0}, 0);
}

TEST(AxisActivation, GluGatesTheFirstHalfWithTheSecond) {
  expect_near(applied(ActivationKind::glu, {2, -3, 0, std::log(3.0)}), {1, -2.25}, 1e-15);
}

TEST(AxisActivation, NanMakesItsLineNan) {
  const double nan = std::nan("");
  for (const ActivationKind kind : {ActivationKind::softmax, ActivationKind::log_softmax})
    for (const double value : applied(kind, {1, nan, 2})) EXPECT_TRUE(std::isnan(value));
  const std::vector<double> gated = applied(ActivationKind::glu, {1, 2, nan, 0});
  EXPECT_TRUE(std::isnan(gated[0]));
  EXPECT_EQ(gated[1], 1);
  EXPECT_TRUE(std::isnan(applied(ActivationKind::sparsemax, {3, nan, 1})[1]));
  EXPECT_EQ(applied(ActivationKind::softmax, {0, -kInfinity}), (std::vector<double>{1, 0}));
}

TEST(AxisActivation, TakesEveryAxisInPlaceAndWithPitches) {
  const Shape shape = {2, 3, 4, 5};
  std::vector<double> values(2 * 3 * 4 * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i) * 1.7) * 3;
  for (int axis = -1; axis >= -4; --axis) {
    // Images 7 elements apart, computed where they lie.
    std::vector<double> memory(2 * 67, -1);
    for (std::size_t i = 0; i < values.size(); ++i) memory[i / 60 * 67 + i % 60] = values[i];
    TensorView view = dense_view(memory.data(), shape);
    view.pitches[0] = 67;
    apply_axis_activation(along(ActivationKind::softmax, axis), view, view);
    std::vector<std::int64_t> pitches = {60, 20, 5, 1};
    const std::int64_t pitch = pitches[4 + axis], extent = shape[4 + axis];
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t first = i - static_cast<std::size_t>((static_cast<std::int64_t>(i) / pitch % extent) * pitch);
      double sum = 0;
      for (std::int64_t k = 0; k < extent; ++k) sum += std::exp(values[first + static_cast<std::size_t>(k * pitch)]);
      EXPECT_NEAR(memory[i / 60 * 67 + i % 60], std::exp(values[i]) / sum, 1e-15) << axis << " " << i;
    }
    for (std::size_t i = 60; i < 67; ++i) EXPECT_EQ(memory[i], -1) << "a gap was written";
  }
}

TEST(AxisActivation, RoundsEachTypeOnce) {
  const std::vector<double> line = {0.5, -1.25, 2, 0.75, -3, 1.5};
  const std::vector<double> wanted = applied(ActivationKind::softmax, line);
  for (const DataType dtype : {DataType::float32, DataType::float16, DataType::bfloat16}) {
    Tensor tensor = make_tensor(line, {6}, dtype);
    apply_axis_activation(along(ActivationKind::softmax), tensor, tensor);
    const std::vector<double> values = to_doubles(tensor);
    for (std::size_t i = 0; i < line.size(); ++i) EXPECT_EQ(values[i], round_to(dtype, wanted[i])) << i;
  }
}

TEST(AxisActivation, RefusesOddGluAndMissingAxes) {
  EXPECT_EQ(axis_activation_shape(along(ActivationKind::glu), {2, 3, 6}), (Shape{2, 3, 3}));
  EXPECT_EQ(axis_activation_shape(along(ActivationKind::glu, -2), {2, kDynamic, 5}), (Shape{2, kDynamic, 5}));
  EXPECT_EQ(axis_activation_shape(along(ActivationKind::softmax), {2, 3, 5}), (Shape{2, 3, 5}));
  EXPECT_THROW(axis_activation_shape(along(ActivationKind::softmax, -4), {2, 3, 5}), std::invalid_argument);
  try {
    axis_activation_shape(along(ActivationKind::glu), {2, 3, 5});
    FAIL() << "an odd axis was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("axis size must be divisible by 2. Received: x.shape=(2, 3, 5)"),
              std::string::npos)
        << error.what();
  }
}

ConvProblem problem_with(ActivationKind kind, Layout layout, bool one_dimensional) {
  ConvProblem p = problem_of(depthwise_stages());
  p.layout = layout;
  p.IH = one_dimensional ? 1 : 5, p.IW = 6, p.IC = 4;
  window(p).KW = 3, window(p).pad_left = window(p).pad_right = 1;
  output(p) = make_epilogue(true, along(kind));
  return p;
}

/// Runs the layer with an exact workspace, and compares with the function of what a linear layer computes.
void expect_function_of_linear(const ConvProblem& p, const std::string& symbol) {
  const ConvProblem linear = kernel_problem(p);
  ASSERT_TRUE(is_elementwise(activation_of(output(linear)).kind));
  register_fake_kernel(linear, {.symbol = symbol, .call_scratch_bytes = 300});
  const ConvWeights weights = integer_weights(p);
  const std::int64_t batch = 3;
  const std::vector<float> input = integer_values(input_elements(p) * batch, 3);
  const std::vector<float> sums = naive_conv(linear, weights, input, batch);
  const Shape in_shape = p.IH == 1                  ? p.layout == Layout::nhwc ? Shape{batch, 6, 4} : Shape{batch, 4, 6}
                                          : p.layout == Layout::nhwc ? Shape{batch, 5, 6, 4}
                                                    : Shape{batch, 4, 5, 6};
  const Shape out_shape = axis_activation_shape(activation_of(output(p)), in_shape);
  Tensor wanted(out_shape);
  apply_axis_activation(activation_of(output(p)), dense_view(sums.data(), in_shape), wanted);

  const ConvLayer layer("along_axis", p, weights);
  RunContext context{&single_thread()};
  std::vector<char> workspace(layer.workspace_bytes(context));
  context.workspace = {workspace.data(), workspace.size()};
  Tensor output(out_shape);
  const Status status = layer.run(context, dense_view(input.data(), in_shape), output);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(to_doubles(output), to_doubles(wanted));
  Tensor whole(in_shape);
  EXPECT_EQ(layer.run(context, dense_view(input.data(), in_shape), whole).ok(), out_shape == in_shape);
  context.workspace.bytes -= 1;
  EXPECT_EQ(layer.run(context, dense_view(input.data(), in_shape), output).code(), StatusCode::workspace_too_small);
  output = Tensor(out_shape);
  EXPECT_TRUE(layer.run({}, dense_view(input.data(), in_shape), output).ok());
  EXPECT_EQ(to_doubles(output), to_doubles(wanted));
}

TEST(AxisActivationOfALayer, FollowsItsKernel) {
  int number = 0;
  for (const ActivationKind kind :
       {ActivationKind::softmax, ActivationKind::log_softmax, ActivationKind::sparsemax, ActivationKind::glu})
    for (const Layout layout : {Layout::nhwc, Layout::nchw})
      for (const bool one_dimensional : {false, true}) {
        SCOPED_TRACE(to_text(problem_with(kind, layout, one_dimensional)));
        expect_function_of_linear(problem_with(kind, layout, one_dimensional), "axis" + std::to_string(number++));
      }
}

TEST(AxisActivationOfALayer, GluWithDynamicExtentsHalvesTheWidthOfTheCall) {
  ConvProblem fixed = problem_with(ActivationKind::glu, Layout::nchw, false);
  const ConvProblem p = with_dynamic_extents(fixed);
  register_fake_kernel(kernel_problem(p), {.symbol = "axis_dynamic"});
  const ConvLayer layer("dynamic", p, integer_weights(p));
  const std::vector<float> input = integer_values(input_elements(fixed), 3);
  const std::vector<float> sums = naive_conv(kernel_problem(fixed), layer.weights(), input, 1);
  Tensor wanted({1, 4, 5, 3}), made({1, 4, 5, 3});
  apply_axis_activation(activation_of(output(p)), dense_view(sums.data(), {1, 4, 5, 6}), wanted);
  const Status status = layer.run({}, dense_view(input.data(), {1, 4, 5, 6}), made);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(to_doubles(made), to_doubles(wanted));
}

TEST(AxisActivationOfALayer, RefusesAnOddGluWhenItIsMade) {
  ConvProblem p = problem_with(ActivationKind::glu, Layout::nchw, false);
  p.IW = 7;
  EXPECT_THROW(ConvLayer("odd", p, integer_weights(p)), std::invalid_argument);
  output(p).back().activation.axis = -4;
  EXPECT_THROW(ConvLayer("batch", p, integer_weights(p)), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test
