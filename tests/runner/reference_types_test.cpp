// The reference in each data type, against values computed by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runner/compare.h"
#include "runner/reference.h"
#include "runner/seeded.h"
#include "tests/stage_weights.h"

namespace sepconv::test {

using namespace runner;

namespace {

using Values = std::vector<double>;

ConvProblem one_channel(std::vector<Stage> stages, DataType dtype) {
  ConvProblem p = problem_of(separable_stages());
  p.stages = std::move(stages);
  p.dtype = dtype;
  return p;
}

TEST(ReferenceTypes, WeightsAndInputsAreRoundedToTheType) {
  const double x = 1 + 0x1p-11 + 0x1p-20, w = 1 + 0x1p-30;
  const auto product = [&](DataType dtype) {
    const ConvProblem p = one_channel(depthwise_stages(), dtype);
    return reference(p, {WeightArray(Values{w}, dtype)}, 1, Values{x})[0];
  };
  EXPECT_EQ(product(DataType::float64), x * w);
  EXPECT_EQ(product(DataType::float32), x);
  EXPECT_EQ(product(DataType::float16), 1 + 0x1p-10);
  EXPECT_EQ(product(DataType::bfloat16), 1);
}

TEST(ReferenceTypes, RoundedOnlyWhereKernelsStore) {
  // The window sums to 257, which bfloat16 (8 bits) rounds to 256; to 2049, which float16 (11 bits) rounds to 2048.
  for (const auto& [dtype, large] : {std::pair{DataType::bfloat16, 256.0}, {DataType::float16, 2048.0}}) {
    ConvProblem p = one_channel(separable_stages(), dtype);
    p.IW = window(p).KW = 2;
    set_bias(middle(p), true), set_bias(output(p), true);
    const ConvWeights w{{1, 1}, {3}, {1}, {1}};
    EXPECT_EQ(reference(p, w, 1, Values{large, 1}), Values{large + 5});
    // D = large; + 3 = large + 3 is a tie that rounds to large + 4; + 1 = large + 5 rounds to large + 4.
    EXPECT_EQ(reference_rounded(p, w, 1, Values{large, 1}), Values{large + 4});
    // One image of a pointwise problem is rounded at its end only: large + 1 + 1.
    ConvProblem point = one_channel(pointwise_stages(), dtype);
    point.IC = 2;
    set_bias(output(point), true);
    EXPECT_EQ(reference_rounded(point, {{1, 1}, {1}}, 1, Values{large, 1}), Values{large + 2});
  }
  ConvProblem wide = one_channel(depthwise_stages(), DataType::float64);
  wide.IW = window(wide).KW = 2;
  const ConvWeights ones{{1, 1}};
  EXPECT_EQ(reference_rounded(wide, ones, 1, Values{0x1p40, 0x1p-10}), Values{0x1p40 + 0x1p-10});
}

TEST(ReferenceTypes, AStoredIntermediateBeyondTheRangeIsInfinite) {
  ConvProblem p = one_channel(separable_stages(), DataType::float16);
  const ConvWeights w{{1000}, {0.5}};
  EXPECT_EQ(reference(p, w, 1, Values{65}), Values{32500});
  EXPECT_EQ(reference(p, w, 1, Values{66}), Values{std::numeric_limits<double>::infinity()});
  p.dtype = DataType::float32;
  EXPECT_EQ(reference(p, w, 1, Values{66}), Values{33000});
}

TEST(ReferenceTypes, LimitsOfAnOutputThatIsStoredOnce) {
  // Pointwise 3 * 2: one product, one rounding term for the bias that is not there.
  const auto limit = [](DataType dtype) {
    const ConvProblem p = one_channel(pointwise_stages(), dtype);
    return reference_with_limits(p, {{2}}, 1, Values{3}).limits[0];
  };
  const double sums = 4 * std::sqrt(2.0) * 6, eps = std::numeric_limits<float>::epsilon();
  EXPECT_DOUBLE_EQ(limit(DataType::float32), sums * eps);
  EXPECT_DOUBLE_EQ(limit(DataType::float64), sums * std::numeric_limits<double>::epsilon());
  EXPECT_DOUBLE_EQ(limit(DataType::float16), sums * eps + 0x1p-11 * (6 + sums * eps));
  EXPECT_DOUBLE_EQ(limit(DataType::bfloat16), sums * eps + 0x1p-8 * (6 + sums * eps));
}

TEST(ReferenceTypes, LimitsCarryTheDepthwiseRounding) {
  // D = 6 is half an ulp off at most, which the pointwise weight 10 carries on.
  const ConvProblem p = one_channel(separable_stages(), DataType::bfloat16);
  const double limit = reference_with_limits(p, {{2}, {10}}, 1, Values{3}).limits[0];
  EXPECT_NEAR(limit, 10 * 6 * 0x1p-8 + 60 * 0x1p-8, 0.01);
}

/// The plain kernel of a 16-bit problem: float32 sums, rounded where the type is stored.
Values plain_kernel(const ConvProblem& p, const SeededCase& c, bool round_sums) {
  const auto typed = [&](double v) { return static_cast<float>(round_to(p.dtype, v)); };
  const NamedArrays w = named(p, c.weights);
  Values out;
  for (int ow = 0; ow < p.OW(); ++ow)
    for (int f = 0; f < p.OC(); ++f) {
      float sum = 0;
      for (int q = 0; q < p.IC; ++q) {
        float d = 0;
        for (int kw = 0; kw < window(p).KW; ++kw)
          d += static_cast<float>(c.input[(ow + kw) * p.IC + q]) * typed(w.depthwise[kw * p.IC + q]);
        d = typed(activate(activation_of(middle(p)), typed(d) + typed(w.middle_bias[q])));
        sum += d * typed(w.pointwise[q * p.OC() + f]);
        if (round_sums) sum = typed(sum);
      }
      out.push_back(typed(activate(activation_of(output(p)), sum + typed(w.bias[f]))));
    }
  return out;
}

TEST(ReferenceTypes, AHonestKernelIsWithinTheLimitsAndOneThatRoundsItsSumsIsNot) {
  for (const DataType dtype : {DataType::float16, DataType::bfloat16})
    for (const char* activation : {"linear", "relu6", "silu"}) {
      ConvProblem p = one_channel(separable_stages(), dtype);
      p.IW = 12, p.IC = 256, p.stages.back().out_channels = 16, window(p).KW = 3;
      middle(p) = make_epilogue(true, activation_from_text(activation));
      output(p) = make_epilogue(true, activation_from_text("tanh"));
      const SeededCase c = real_values(p, 1, 4);
      const ReferenceOutput expected = reference_with_limits(p, c.weights, 1, c.input);
      const Comparison honest = compare(plain_kernel(p, c, false), expected.values, expected.limits, dtype);
      EXPECT_TRUE(honest.ok) << keras_name(dtype) << " " << activation << ": " << honest.max_error << " of "
                             << honest.limit;
      EXPECT_GT(honest.max_error, 0.1 * honest.limit) << "the limit is loose";
      EXPECT_FALSE(compare(plain_kernel(p, c, true), expected.values, expected.limits, dtype).ok)
          << keras_name(dtype) << " " << activation;
    }
}

TEST(ReferenceTypes, SmallIntegersAreExactInEveryType) {
  for (const DataType dtype : {DataType::float16, DataType::bfloat16}) {
    ConvProblem p = one_channel(separable_stages(), dtype);
    p.IW = 9, p.IC = 64, p.stages.back().out_channels = 8, window(p).KW = 5;
    middle(p) = make_epilogue(true, activation_from_text("relu"));
    output(p) = make_epilogue(true, activation_from_text("relu"));
    const SeededCase c = small_integers(p, 1, 6);
    ASSERT_TRUE(exact_on_integers(p));
    EXPECT_EQ(plain_kernel(p, c, false), reference_rounded(p, c.weights, 1, c.input)) << keras_name(dtype);
  }
}

ConvProblem along_axis(const char* activation, Layout layout = Layout::nhwc) {
  ConvProblem p = one_channel(depthwise_stages(), DataType::float32);
  p.layout = layout;
  p.IW = 2, p.IC = 2;
  set_activation(output(p), activation_from_text(activation));
  return p;
}

TEST(ReferenceAxis, SoftmaxIsOverTheInnermostAxisOfEitherLayout) {
  const ConvWeights ones{{1, 1}};
  const double e = std::exp(1.0), high = e / (e + 1), low = 1 / (e + 1);
  const Values input{0, 1, 3, 2}, expected{low, high, high, low};
  for (const Layout layout : {Layout::nhwc, Layout::nchw}) {
    const Values out = reference(along_axis("softmax", layout), ones, 1, input);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(out[i], expected[i], 1e-15);
  }
  // The next axis: pairs (0, 3) and (1, 2).
  const Values outer = reference(along_axis("softmax(-2)"), ones, 1, input);
  EXPECT_NEAR(outer[0], 1 / (1 + e * e * e), 1e-15);
  EXPECT_NEAR(outer[1], low, 1e-15);
  EXPECT_NEAR(outer[3], high, 1e-15);
  const Values logs = reference(along_axis("log_softmax"), ones, 1, input);
  EXPECT_NEAR(logs[0], std::log(low), 1e-15);
}

TEST(ReferenceAxis, GluHalvesItsAxis) {
  const ConvWeights ones{{1, 1}};
  EXPECT_EQ(output_elems(along_axis("glu")), 2);
  EXPECT_EQ(reference(along_axis("glu"), ones, 1, Values{4, 0, -6, 0}), (Values{2, -3}));
  EXPECT_EQ(reference(along_axis("glu(-2)"), ones, 1, Values{4, -6, 0, 0}), (Values{2, -3}));
  ConvProblem odd = along_axis("glu");
  odd.IC = 3;
  EXPECT_THROW(reference(odd, {{1, 1, 1}}, 1, Values(6)), std::invalid_argument);
}

TEST(ReferenceAxis, SparsemaxSumsTheCumulativeSumsAgainAsKerasDoes) {
  // Sorted 2, 1.5, 0: cumulative 2, 3.5; 1.5 - (3.5 - 1) / 2 > 0 and 0 - (3.5 - 1) / 3 < 0, so that two are in the
  // support. tau = (2 + 3.5 - 1) / 2 = 2.25, where the sparsemax of the paper has (3.5 - 1) / 2.
  ConvProblem p = along_axis("sparsemax");
  p.IW = 1, p.IC = 3;
  EXPECT_EQ(reference(p, {{1, 1, 1}}, 1, Values{1.5, 0, 2}), (Values{0, 0, 0}));
  // One in the support: tau = 3 - 1.
  EXPECT_EQ(reference(p, {{1, 1, 1}}, 1, Values{3, 0.5, -1}), (Values{1, 0, 0}));
  // Sums below zero lower the threshold: -1, -1.25: tau = (-1 - 2.25 - 1) / 2 = -2.125.
  EXPECT_EQ(reference(p, {{1, 1, 1}}, 1, Values{-1.25, -1, -9}), (Values{0.875, 1.125, 0}));
}

TEST(ReferenceAxis, LimitsCoverFloatArithmeticAndNotAWrongValue) {
  for (const char* name : {"softmax", "log_softmax", "sparsemax", "glu"}) {
    ConvProblem p = along_axis(name);
    p.IW = 7, p.IC = 24;
    SeededCase c = real_values(p, 1, 8);
    // Below zero, where sparsemax as Keras computes it has a large support.
    for (double& x : c.input) x -= 2;
    c.weights.arrays[0] = WeightArray(std::vector<float>(24, 1.1f));
    const ReferenceOutput exact = reference_with_limits(p, c.weights, 1, c.input);
    // The sums in float32, then the function in double.
    Values rounded;
    for (std::size_t i = 0; i < c.input.size(); ++i)
      rounded.push_back(static_cast<float>(c.input[i] * c.weights.arrays[0][i % 24]));
    ConvProblem identity = p;
    const Values ones(24, 1.0);
    const Values kernel = reference(identity, {WeightArray(ones, p.dtype)}, 1, rounded);
    EXPECT_TRUE(compare(kernel, exact.values, exact.limits).ok) << name;
    *std::max_element(rounded.begin(), rounded.begin() + 24) += 1e-4;  // sparsemax cuts small ones off
    const Values wrong = reference(identity, {WeightArray(ones, p.dtype)}, 1, rounded);
    EXPECT_FALSE(compare(wrong, exact.values, exact.limits).ok) << name;
  }
}

}  // namespace
}  // namespace sepconv::test
