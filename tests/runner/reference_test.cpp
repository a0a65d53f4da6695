#include "runner/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "runner/seeded.h"
#include "tests/stage_weights.h"

namespace sepconv::test {

using namespace runner;

namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

using Values = std::vector<double>;

ConvProblem depthwise_1d(int length, int taps) {
  ConvProblem p = problem_of(depthwise_stages());
  p.IW = length;
  window(p).KW = taps;
  return p;
}

TEST(Reference, DepthwiseCorrelatesWithoutFlippingTheWindow) {
  const ConvProblem p = depthwise_1d(4, 2);
  EXPECT_EQ(reference(p, {{1, 10}}, 1, std::vector<float>{1, 2, 3, 4}), (Values{21, 32, 43}));
}

TEST(Reference, PadsAreZerosOnTheirOwnSide) {
  ConvProblem p = depthwise_1d(3, 2);
  window(p).pad_left = 1;
  EXPECT_EQ(reference(p, {{1, 10}}, 1, std::vector<float>{1, 2, 3}), (Values{10, 21, 32}));
  window(p).pad_left = 0;
  window(p).pad_right = 2;
  EXPECT_EQ(reference(p, {{1, 10}}, 1, std::vector<float>{1, 2, 3}), (Values{21, 32, 3, 0}));
  ConvProblem rows = depthwise_1d(1, 1);
  rows.IH = 2, window(rows).KH = 2, window(rows).pad_top = 1;
  EXPECT_EQ(reference(rows, {{1, 10}}, 1, std::vector<float>{1, 2}), (Values{10, 21}));
  window(rows).pad_top = 0, window(rows).pad_bottom = 1;
  EXPECT_EQ(reference(rows, {{1, 10}}, 1, std::vector<float>{1, 2}), (Values{21, 2}));
}

TEST(Reference, StrideAndDilationTogether) {
  ConvProblem p = depthwise_1d(7, 2);
  window(p).stride_w = 2, window(p).dilation_w = 3;  // reads x[2 ow] and x[2 ow + 3]
  EXPECT_EQ(reference(p, {{1, 10}}, 1, std::vector<float>{1, 2, 3, 4, 5, 6, 7}), (Values{41, 63}));
}

/// Pixels of channels 1, 2, 3, 6: their mean is 3 and their variance 14 / 4.
TEST(Reference, NormIsOverTheChannelsOfAPixel) {
  const ConvProblem p = problem_from_text("f32_nhwc_i1x2x4.norm_k1x1_e(0.5).scale.bias");
  const ConvWeights weights{{{1, 10, 100, 1000}, {0, 0, 1, 0}}};
  const std::vector<float> input = {1, 2, 3, 6, 6, 3, 1, 2};
  EXPECT_EQ(reference(p, weights, 1, input), (Values{-1, -5, 1, 1500, 1.5, 0, -99, -500}));
  const ConvProblem planes = problem_from_text("f32_nchw_i1x2x4.norm_k1x1_e(0.5)");
  EXPECT_EQ(reference(planes, {}, 1, std::vector<float>{1, 6, 2, 3, 3, 1, 6, 2}),
            (Values{-1, 1.5, -0.5, 0, 0, -1, 1.5, -0.5}));
}

TEST(Reference, ResizeTakesThePixelAtTheCentre) {
  const auto nearest = [](const std::string& stage, const std::vector<float>& input) {
    const std::string head = "f32_nhwc_i1x" + std::to_string(input.size()) + "x1.resize_o1x";
    return reference(problem_from_text(head + stage + "_nearest"), {}, 1, input);
  };
  EXPECT_EQ(nearest("6", {1, 2, 3}), (Values{1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(nearest("5", {1, 2, 3}), (Values{1, 1, 2, 3, 3}));  // at 0.3, 0.9, 1.5, 2.1, 2.7
  EXPECT_EQ(nearest("2", {1, 2, 3, 4, 5}), (Values{2, 4}));     // at 1.25, 3.75
  EXPECT_EQ(nearest("3", {1}), (Values{1, 1, 1}));
  const ConvProblem planes = problem_from_text("f32_nchw_i2x1x2.resize_o4x2_nearest");
  EXPECT_EQ(reference(planes, {}, 1, std::vector<float>{1, 2, 10, 20}),
            (Values{1, 1, 1, 1, 2, 2, 2, 2, 10, 10, 10, 10, 20, 20, 20, 20}));
}

TEST(Reference, ResizeIsLinearBetweenCentres) {
  // Places -0.25, 0.25, 0.75, 1.25 between the centres 0 and 1.
  const ConvProblem row = problem_from_text("f32_nhwc_i1x2x1.resize_o1x4_bilinear");
  EXPECT_EQ(reference(row, {}, 1, std::vector<float>{0, 8}), (Values{0, 2, 6, 8}));
  const ConvProblem square = problem_from_text("f32_nhwc_i2x2x1.resize_o4x1_bilinear.bias");
  EXPECT_EQ(reference(square, {{1}}, 1, std::vector<float>{0, 8, 16, 40}), (Values{5, 11, 23, 29}));
  const ConvProblem smaller = problem_from_text("f32_nhwc_i1x4x2.resize_o1x2_bilinear");
  EXPECT_EQ(reference(smaller, {}, 1, std::vector<float>{1, 10, 2, 20, 3, 30, 4, 40}), (Values{1.5, 15, 3.5, 35}));
}

TEST(Reference, MultiplesOfOneChannelAreAdjacent) {
  ConvProblem p = depthwise_1d(1, 1);
  p.IC = 2, p.stages[0].depth_multiplier = 2;
  // depthwise[kw][ic][m]
  EXPECT_EQ(reference(p, {{1, 2, 3, 4}}, 1, std::vector<float>{10, 100}), (Values{10, 20, 300, 400}));
}

TEST(Reference, SeparableAppliesBothEpilogues) {
  ConvProblem p = problem_of(separable_stages());
  p.IC = 2, p.stages.back().out_channels = 2;
  middle(p) = make_epilogue(true, {ActivationKind::relu});
  output(p) = make_epilogue(true, {ActivationKind::relu, 0, 6});
  const ConvWeights w{{2, 3}, {1, -10}, {1, 10, 1, 100}, {0.5f, -40}};
  // D = relu({2*1+1, 3*2-10}) = {3, 0}; the sums are 3.5 and -10.
  EXPECT_EQ(reference(p, w, 1, std::vector<float>{1, 2}), (Values{3.5, 0}));
  // D = {3, 5}; 8.5 is cut to 6, and so is 490.
  EXPECT_EQ(reference(p, w, 1, std::vector<float>{1, 5}), (Values{6, 6}));
}

TEST(Reference, PointwiseSamplesByTheStrides) {
  ConvProblem p = problem_of(pointwise_stages());
  p.IH = 3, p.IW = 3, window(p).stride_h = 2, window(p).stride_w = 2;
  EXPECT_EQ(reference(p, {{2}}, 1, std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8, 9}), (Values{2, 6, 14, 18}));
}

TEST(Reference, BothLayoutsAgreeAfterTransposing) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 5, p.IW = 4, p.IC = 3, p.stages.back().out_channels = 2, window(p).KH = 3, window(p).KW = 2,
  window(p).pad_top = 1, window(p).pad_right = 1, p.stages[0].depth_multiplier = 2;
  set_bias(output(p), true);
  const std::int64_t batch = 2;
  const SeededCase c = real_values(p, batch, 1);
  const auto transposed = [&](const auto& values, std::int64_t H, std::int64_t W, std::int64_t C) {
    auto result = values;
    for (std::int64_t n = 0; n < batch; ++n)
      for (std::int64_t h = 0; h < H; ++h)
        for (std::int64_t w = 0; w < W; ++w)
          for (std::int64_t ch = 0; ch < C; ++ch)
            result[((n * C + ch) * H + h) * W + w] = values[((n * H + h) * W + w) * C + ch];
    return result;
  };
  const Values nhwc = reference(p, c.weights, batch, c.input);
  ConvProblem first = p;
  first.layout = Layout::nchw;
  EXPECT_EQ(reference(first, c.weights, batch, transposed(c.input, p.IH, p.IW, p.IC)),
            transposed(nhwc, p.OH(), p.OW(), p.OC()));
}

TEST(Reference, ThreadsDoNotChangeTheResult) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 7, p.IW = 5, p.IC = 4, p.stages.back().out_channels = 3, window(p).KH = 3, window(p).KW = 3;
  const SeededCase c = real_values(p, 3, 2);
  const ReferenceOutput one = reference_with_limits(p, c.weights, 3, c.input, 1);
  const ReferenceOutput four = reference_with_limits(p, c.weights, 3, c.input, 4);
  EXPECT_EQ(one.values, four.values);
  EXPECT_EQ(one.limits, four.limits);
}

TEST(Reference, NaNAndInfinityComeThrough) {
  ConvProblem p = depthwise_1d(3, 1);
  set_activation(output(p), {ActivationKind::relu});
  const Values out = reference(p, {{1}}, 1, std::vector<float>{kNaN, kInf, -kInf});
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], kInf);
  EXPECT_EQ(out[2], 0);
}

TEST(Reference, RefusesWhatDoesNotFit) {
  ConvProblem p = depthwise_1d(4, 2);
  EXPECT_THROW(reference(p, {{1, 10}}, 1, std::vector<float>(3)), std::invalid_argument);
  EXPECT_THROW(reference(p, {{1}}, 1, std::vector<float>(4)), std::invalid_argument);
  EXPECT_THROW(reference(with_dynamic_extents(p), {{1, 10}}, 1, std::vector<float>(4)), std::invalid_argument);
}

TEST(ReferenceLimits, AreTheStatedBoundForASum) {
  ConvProblem p = depthwise_1d(4, 4);
  set_bias(output(p), true);
  const ReferenceOutput out = reference_with_limits(p, {{1, -2, 3, -4}, {-5}}, 1, Values{1, 1, 1, 1});
  EXPECT_EQ(out.values, (Values{-7}));
  const double eps = std::numeric_limits<float>::epsilon();
  EXPECT_DOUBLE_EQ(out.limits[0], 4 * eps * std::sqrt(5.0) * 15);
}

TEST(ReferenceLimits, FloatArithmeticStaysWithinAndAWrongWeightDoesNot) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 6, p.IW = 6, p.IC = 16, p.stages.back().out_channels = 8, window(p).KH = 3, window(p).KW = 3;
  middle(p) = make_epilogue(true, {ActivationKind::relu, 0, 6});
  output(p) = make_epilogue(true, {ActivationKind::hard_silu});
  SeededCase c = real_values(p, 1, 3);
  const ReferenceOutput out = reference_with_limits(p, c.weights, 1, c.input);
  // The same sums in float32, in the plain order.
  const std::vector<float> x(c.input.begin(), c.input.end()),
      kd = c.weights.arrays[0].to_floats(), middle_bias = c.weights.arrays[1].to_floats(),
      kp = c.weights.arrays[2].to_floats(), bias = c.weights.arrays[3].to_floats();
  const auto activate_f = [](const Activation& a, float sum) { return static_cast<float>(activate(a, sum)); };
  for (int oh = 0; oh < p.OH(); ++oh)
    for (int ow = 0; ow < p.OW(); ++ow)
      for (int f = 0; f < p.OC(); ++f) {
        float sum = 0;
        for (int q = 0; q < p.IC; ++q) {
          float d = 0;
          for (int kh = 0; kh < 3; ++kh)
            for (int kw = 0; kw < 3; ++kw)
              d += x[((oh + kh) * p.IW + ow + kw) * p.IC + q] * kd[(kh * 3 + kw) * p.IC + q];
          sum += activate_f(activation_of(middle(p)), d + middle_bias[q]) * kp[q * p.OC() + f];
        }
        const int i = (oh * p.OW() + ow) * p.OC() + f;
        EXPECT_LE(std::abs(activate_f(activation_of(output(p)), sum + bias[f]) - out.values[i]), out.limits[i]);
      }
  c.weights.arrays[2].set(0, c.weights.arrays[2][0] + 1e-3);
  const Values other = reference(p, c.weights, 1, c.input);
  int beyond = 0;
  for (std::size_t i = 0; i < other.size(); ++i) beyond += std::abs(other[i] - out.values[i]) > out.limits[i];
  EXPECT_GT(beyond, 0);
}

TEST(ReferenceLimits, AllowEitherSideOfAJump) {
  ConvProblem p = depthwise_1d(1, 1);
  set_activation(output(p), default_activation(ActivationKind::hard_shrink));
  const ReferenceOutput out = reference_with_limits(p, {{1}}, 1, Values{0.5});
  EXPECT_EQ(out.values[0], 0);
  EXPECT_GE(out.limits[0], 0.5);
}

TEST(ReferenceLimits, ReluCutsTheErrorOff) {
  ConvProblem p = depthwise_1d(1, 1);
  set_activation(output(p), {ActivationKind::relu});
  const ReferenceOutput out = reference_with_limits(p, {{1}}, 1, Values{-3});
  EXPECT_EQ(out.values[0], 0);
  EXPECT_EQ(out.limits[0], 0);
}

struct ActivationCase {
  const char* text;
  double x, y;
};

class ActivateTest : public testing::TestWithParam<ActivationCase> {};

TEST_P(ActivateTest, EqualsTheFormula) {
  const auto [text, x, y] = GetParam();
  EXPECT_NEAR(activate(activation_from_text(text), x), y, 1e-15) << text << " of " << x;
}

INSTANTIATE_TEST_SUITE_P(
    All, ActivateTest,
    testing::Values(ActivationCase{"linear", -2, -2}, ActivationCase{"relu", -2, 0}, ActivationCase{"relu", 2, 2},
                    ActivationCase{"relu6", 7, 6}, ActivationCase{"relu(0.25;inf;0)", -2, -0.5},
                    ActivationCase{"relu(0.5;4;1)", 0.5, -0.25}, ActivationCase{"relu(0.5;4;1)", 1, 0},
                    ActivationCase{"relu(0.5;4;1)", 1.5, 1.5}, ActivationCase{"relu(0.5;4;1)", 4.5, 4},
                    ActivationCase{"hard_sigmoid", 1.5, 0.75}, ActivationCase{"hard_sigmoid", -3.5, 0},
                    ActivationCase{"hard_sigmoid", 3.5, 1}, ActivationCase{"hard_sigmoid_keras2", 1, 0.7},
                    ActivationCase{"hard_sigmoid_keras2", 2.75, 1}, ActivationCase{"hard_silu", 1.5, 1.125},
                    ActivationCase{"hard_silu", -4, 0}, ActivationCase{"hard_tanh", -1.5, -1},
                    ActivationCase{"hard_tanh", 0.5, 0.5}, ActivationCase{"softsign", -3, -0.75},
                    ActivationCase{"soft_shrink", 0.75, 0.25}, ActivationCase{"soft_shrink", -0.75, -0.25},
                    ActivationCase{"soft_shrink", 0.5, 0}, ActivationCase{"hard_shrink", 0.75, 0.75},
                    ActivationCase{"hard_shrink", -0.5, 0}, ActivationCase{"sparse_plus", -1, 0},
                    ActivationCase{"sparse_plus", 0, 0.25}, ActivationCase{"sparse_plus", 2, 2},
                    ActivationCase{"sparse_sigmoid", 0.5, 0.75}, ActivationCase{"sparse_sigmoid", 2, 1},
                    ActivationCase{"squareplus", 1.5, 2}, ActivationCase{"squareplus(5)", 2, 2.5},
                    ActivationCase{"elu(2)", -1, 2 * (std::exp(-1.0) - 1)}, ActivationCase{"elu", 3, 3},
                    ActivationCase{"selu", 2, 2 * 1.0507009873554805},
                    ActivationCase{"selu", -1, 1.0507009873554805 * 1.6732632423543772 * (std::exp(-1.0) - 1)},
                    ActivationCase{"celu(2)", -1, 2 * (std::exp(-0.5) - 1)},
                    ActivationCase{"sigmoid", 2, 1 / (1 + std::exp(-2.0))}, ActivationCase{"sigmoid", -800, 0},
                    ActivationCase{"tanh", 0.5, std::tanh(0.5)}, ActivationCase{"silu", 2, 2 / (1 + std::exp(-2.0))},
                    ActivationCase{"gelu", 1, 0.5 * (1 + std::erf(std::sqrt(0.5)))},
                    ActivationCase{"gelu_tanh", 1, 0.5 * (1 + std::tanh(std::sqrt(2 / M_PI) * 1.044715))},
                    ActivationCase{"softplus", 1, std::log(1 + std::exp(1.0))}, ActivationCase{"softplus", 800, 800},
                    ActivationCase{"exponential", 1, std::exp(1.0)},
                    ActivationCase{"mish", 1, std::tanh(std::log(1 + std::exp(1.0)))},
                    ActivationCase{"log_sigmoid", 1, -std::log(1 + std::exp(-1.0))},
                    ActivationCase{"log_sigmoid", -800, -800}, ActivationCase{"tanh_shrink", 1, 1 - std::tanh(1.0)},
                    ActivationCase{"soft_shrink(1)", 3, 2}, ActivationCase{"hard_shrink(1)", 0.75, 0},
                    ActivationCase{"threshold(1;-4)", 1, -4}, ActivationCase{"threshold(1;-4)", 1.5, 1.5}));

TEST(Activate, NaNFollowsKerasFormulas) {
  for (const char* text : {"linear",     "relu",        "relu6",          "elu",
                           "celu",       "selu",        "sigmoid",        "tanh",
                           "silu",       "gelu",        "gelu_tanh",      "softplus",
                           "softsign",   "exponential", "hard_sigmoid",   "hard_sigmoid_keras2",
                           "hard_silu",  "hard_tanh",   "mish",           "log_sigmoid",
                           "squareplus", "sparse_plus", "sparse_sigmoid", "tanh_shrink"})
    EXPECT_TRUE(std::isnan(activate(activation_from_text(text), kNaN))) << text;
  // These select by comparing, which NaN fails.
  EXPECT_EQ(activate(activation_from_text("soft_shrink"), kNaN), 0);
  EXPECT_EQ(activate(activation_from_text("hard_shrink"), kNaN), 0);
  EXPECT_EQ(activate(activation_from_text("threshold(1;-4)"), kNaN), -4);
}

TEST(Activate, InfinitiesGiveWhatKerasFormulasGive) {
  for (const char* text : {"silu", "gelu", "hard_silu", "mish", "squareplus", "softsign"})
    EXPECT_TRUE(std::isnan(activate(activation_from_text(text), -kInf))) << text;
  EXPECT_EQ(activate(activation_from_text("elu"), -kInf), -1);
  EXPECT_EQ(activate(activation_from_text("log_sigmoid"), -kInf), -kInf);
  EXPECT_EQ(activate(activation_from_text("tanh_shrink"), -kInf), -kInf);
  EXPECT_EQ(activate(activation_from_text("exponential"), -kInf), 0);
  EXPECT_EQ(activate(activation_from_text("softplus"), kInf), kInf);
}

TEST(Activate, RefusesFunctionsAlongAnAxis) {
  EXPECT_THROW(activate(activation_from_text("softmax"), 1), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test
