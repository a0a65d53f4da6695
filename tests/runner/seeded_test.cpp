#include "runner/seeded.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "runner/peak.h"
#include "runner/reference.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace runner;

namespace {

ConvProblem problem(int size, int channels, int filters) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = p.IW = size + 1;
  p.IC = channels, p.stages.back().out_channels = filters;
  window(p).KH = window(p).KW = size;
  set_bias(middle(p), true), set_bias(output(p), true);
  return p;
}

TEST(SmallIntegers, SumsAreExactInFloat) {
  for (const auto& [size, channels] : {std::pair{1, 1}, {3, 64}, {3, 512}, {7, 100}, {31, 16}}) {
    const ConvProblem p = problem(size, channels, 2);
    SeededCase c = small_integers(p, 1, 7);
    // The worst case has every product positive.
    const auto all_largest = [](const std::vector<double>& values) {
      const double largest = std::abs(*std::max_element(values.begin(), values.end(),
                                                        [](double a, double b) { return std::abs(a) < std::abs(b); }));
      EXPECT_GE(largest, 1);
      EXPECT_TRUE(std::all_of(values.begin(), values.end(), [](double v) { return v == std::round(v); }));
      return std::vector<double>(values.size(), largest);
    };
    c.input = all_largest(c.input);
    for (WeightArray& weights : c.weights.arrays) weights = WeightArray(all_largest(weights.to_doubles()));
    for (const double value : reference(p, c.weights, 1, c.input)) EXPECT_LT(value, 1 << 24) << to_text(p);
  }
}

TEST(SmallIntegers, RefusesProblemsWhoseSumsCannotBeExact) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = p.IW = window(p).KH = window(p).KW = 1000;
  p.IC = 20;
  EXPECT_THROW(small_integers(p, 1, 7), std::invalid_argument);
}

TEST(SmallIntegers, KnowsWhichEpiloguesKeepThemExact) {
  ConvProblem p = problem_of(separable_stages());
  EXPECT_TRUE(exact_on_integers(p));
  set_activation(output(p), activation_from_text("relu6"));
  EXPECT_TRUE(exact_on_integers(p));
  set_activation(middle(p), activation_from_text("relu(0.5;inf;0)"));
  EXPECT_FALSE(exact_on_integers(p));
  p.stages = depthwise_stages();
  EXPECT_TRUE(exact_on_integers(p));
  set_activation(output(p), activation_from_text("hard_sigmoid"));
  EXPECT_FALSE(exact_on_integers(p));
  set_activation(output(p), activation_from_text("relu(0;2.5;0)"));
  EXPECT_FALSE(exact_on_integers(p));
}

TEST(RealValues, DependOnTheSeedAlone) {
  const ConvProblem p = problem(3, 8, 4);
  const SeededCase a = real_values(p, 2, 1), b = real_values(p, 2, 1), c = real_values(p, 2, 2);
  EXPECT_EQ(a.input, b.input);
  EXPECT_EQ(a.weights.arrays, b.weights.arrays);
  EXPECT_NE(a.input, c.input);
  EXPECT_NE(a.weights.arrays, c.weights.arrays);
  EXPECT_EQ(a.input, real_input(p, 2, 1));
  // The generator itself, so that recorded seeds keep their meaning: splitmix64's first output for seed 0.
  EXPECT_EQ(real_input(problem(1, 1, 1), 1, 0)[0], static_cast<float>(0xe220a8397b1dcdafu >> 40) / 8388608.0f - 1.0f);
}

TEST(RealValues, InputsAreExactInTheType) {
  ConvProblem p = problem(3, 8, 4);
  for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
    p.dtype = dtype;
    const SeededCase c = real_values(p, 1, 3);
    for (const double x : c.input) EXPECT_EQ(round_to(dtype, x), x) << keras_name(dtype);
    EXPECT_EQ(c.weights.arrays[0].is_double(), dtype == DataType::float64);
    const auto narrower = dtype == DataType::float64 ? DataType::float32 : DataType::bfloat16;
    if (dtype == narrower) continue;
    EXPECT_TRUE(std::any_of(c.input.begin(), c.input.end(), [&](double x) { return round_to(narrower, x) != x; }));
  }
}

TEST(RealValues, FillTheRangeEvenly) {
  ConvProblem p = problem_of(pointwise_stages());
  p.IW = 10'000;
  const std::vector<double> x = real_input(p, 1, 5);
  EXPECT_LT(*std::min_element(x.begin(), x.end()), -0.99f);
  EXPECT_GT(*std::max_element(x.begin(), x.end()), 0.99f);
  double sum = 0;
  for (const double v : x) sum += v;
  EXPECT_LT(std::abs(sum / 10'000), 0.03);
}

TEST(FmaPeak, IsAPlausibleRateForEachType) {
  for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
    const FmaPeak peak = measure_fma_peak(dtype);
    EXPECT_FALSE(peak.isa.empty());
    EXPECT_GT(peak.gflops_median, 0.01);
    EXPECT_GE(peak.gflops_best, peak.gflops_median);
    EXPECT_LT(peak.gflops_best, 10'000);  // an optimised-away loop would be faster
  }
}

}  // namespace
}  // namespace sepconv::test
