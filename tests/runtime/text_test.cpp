// Text forms of problems and activations: what is written is read, and nothing else is.

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "sepconv/conv_problem.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

const char* const kActivations[] = {"linear",
                                    "relu",
                                    "relu6",
                                    "relu(0.1;4;0.5)",
                                    "relu(0.2;inf;0)",
                                    "hard_silu",
                                    "hard_sigmoid",
                                    "sparse_plus",
                                    "squareplus",
                                    "hard_sigmoid_keras2",
                                    "elu(0.5)",
                                    "celu(2)",
                                    "squareplus(0.25)",
                                    "threshold(0.5;-1)",
                                    "soft_shrink(0.25)",
                                    "softmax",
                                    "glu(-2)",
                                    "gelu_tanh"};

TEST(ActivationText, RoundTrip) {
  for (const char* text : kActivations) EXPECT_EQ(to_text(activation_from_text(text)), text);
  EXPECT_EQ(to_text(activation_from_text("relu(0;inf;0)")), "relu");
  EXPECT_EQ(to_text(activation_from_text("relu(0;6;0)")), "relu6");
}

TEST(ActivationText, Rejections) {
  for (const char* text :
       {"", "Relu", "relu7", "relu()", "relu(1;2)", "relu(1;2;3;4)", "relu(a;2;3)", "relu(0;-1;0)", "relu(nan;1;0)",
        "relu(0;nan;0)", "relu(0;1;inf)", "relu(0;1;0", "linear ", "threshold", "softmax(0)", "elu(inf)", "selu(1)"})
    EXPECT_THROW(activation_from_text(text), std::invalid_argument) << text;
}

TEST(ProblemText, Example) {
  const char* text = "f32_nhwc_i56x56x128.dw_k3x3_p1x1x1x1.conv_o128_k1x1.bias.relu";
  const ConvProblem p = problem_from_text(text);
  EXPECT_EQ(to_text(p), text);
  EXPECT_EQ(p.OH(), 56);
  EXPECT_TRUE(has_bias(output(p)));
  EXPECT_EQ(p.flops(), 56.0 * 56 * (2 * 9 * 128 + 2 * 128 * 128));
}

TEST(ProblemText, RandomRoundTrips) {
  const unsigned seed = 20240611;
  std::mt19937 random(seed);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution(low, high)(random); };
  for (int round = 0; round < 500; ++round) {
    ConvProblem p = problem_of(separable_stages());
    p.stages = stages_named(std::array{"depthwise", "pointwise", "separable"}[pick(0, 2)]);
    p.layout = static_cast<Layout>(pick(0, 1));
    p.IC = pick(1, 300);
    p.IH = pick(20, 60), p.IW = pick(20, 60);
    if (p.has(StageKind::depthwise))
      window(p).KH = pick(1, 7), window(p).KW = pick(1, 7), p.stages[0].depth_multiplier = pick(1, 4);
    window(p).dilation_h = pick(1, 3), window(p).dilation_w = pick(1, 3);
    window(p).stride_h = pick(1, 4), window(p).stride_w = pick(1, 4);
    window(p).pad_top = pick(0, 5), window(p).pad_bottom = pick(0, 5), window(p).pad_left = pick(0, 5),
    window(p).pad_right = pick(0, 5);
    if (p.has(StageKind::conv)) p.stages.back().out_channels = pick(1, 1000);
    output(p) = make_epilogue(pick(0, 1) == 1, activation_from_text(kActivations[pick(0, 9)]));
    if (p.stages.size() == 2)
      middle(p) = make_epilogue(pick(0, 1) == 1, activation_from_text(kActivations[pick(0, 9)]));
    if (pick(0, 4) == 0) p = with_dynamic_extents(p);
    const ConvProblem again = problem_from_text(to_text(p));
    ASSERT_EQ(to_text(again), to_text(p)) << "seed " << seed << ", round " << round;
    ASSERT_TRUE(again == p);
    ASSERT_EQ(again.OW(), p.OW());
  }
}

TEST(ProblemText, FieldsWithoutEffectAreNotWritten) {
  const ConvProblem p = problem_from_text("f32_nchw_i9x8x4.dw_k3x3_s1x1_d1x1_p0x0x0x0_m1.elu(0.5)");
  EXPECT_EQ(to_text(p), "f32_nchw_i9x8x4.dw_k3x3.elu(0.5)");
}

TEST(ProblemText, AnyListOfStages) {
  const char* text =
      "f16_nhwc_i56x56x24.conv_o144_k1x1.bias.relu6.dw_k3x3_p1x1x1x1.bias.relu(0.1;4;0.5).conv_o24_k3x3_d2x1.bias";
  const ConvProblem p = problem_from_text(text);
  EXPECT_EQ(to_text(p), text);
  EXPECT_EQ(stages_name(p), "conv+depthwise+conv");
  EXPECT_EQ(p.extents_after(1).C, 144);
  EXPECT_EQ(p.OH(), 52);
  EXPECT_EQ(p.flops(), 2.0 * (56 * 56 * 24 * 144 + 56 * 56 * 9 * 144 + 52 * 54 * 9 * 144 * 24));
}

/// What a problem text is refused with; empty where it is not.
std::string refusal_of(const std::string& text) {
  try {
    problem_from_text(text);
    return "";
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(ProblemText, Norms) {
  for (const char* text :
       {"f32_nhwc_i9x8x4.norm_k1x1_e(0.001).scale.bias", "bf16_nchw_i1x8x4.norm_k1x1_e(1e-06).relu",
        "f32_nhwc_i?x?x4.norm_k1x1_p?x?x?x?_e(0.25)", "f32_nhwc_i9x8x4_x80x8_y64x8.norm_k1x1_e(0.001).add_p"})
    EXPECT_EQ(to_text(problem_from_text(text)), text);
  const auto norm = [](const std::string& fields) { return refusal_of("f32_nhwc_i9x8x4.norm_" + fields); };
  EXPECT_EQ(norm("k1x1_e(0)"), "ConvProblem.stages[0].epsilon: received 0; expected a positive number");
  EXPECT_EQ(norm("k1x1_e(inf)"), "ConvProblem.stages[0].epsilon: received inf; expected a positive number");
  EXPECT_EQ(norm("k1x1_s1x2_e(1)"),
            "ConvProblem.stages[0].window: received several taps, strides, dilation or pads; expected none of these: a "
            "norm reads one pixel");
  EXPECT_NE(norm("k1x1"), "");
  EXPECT_NE(norm("k1x1_e0.5"), "");
  EXPECT_NE(norm("k1x1_e()"), "");
  EXPECT_NE(norm("k1x1_e(0.5)_m2"), "");
  ConvProblem copy = problem_from_text("f32_nhwc_i9x8x4.copy_k1x1");
  copy.stages[0].epsilon = 0.5;
  EXPECT_THROW(validate(copy), std::invalid_argument);
}

TEST(ProblemText, Resizes) {
  for (const char* text : {"f32_nhwc_i9x8x4.resize_o18x16_nearest", "bf16_nchw_i1x8x4.resize_o1x3_bilinear.relu.mul_c"})
    EXPECT_EQ(to_text(problem_from_text(text)), text);
  EXPECT_EQ(problem_from_text("f32_nhwc_i9x8x4.resize_o18x16_nearest").OW(), 16);
  EXPECT_EQ(problem_from_text("f32_nhwc_i9x8x4.resize_o18x16_nearest").flops(), 0);
  EXPECT_EQ(problem_from_text("f32_nhwc_i9x8x4.resize_o18x16_bilinear").flops(), 2.0 * 18 * 16 * 3 * 4);
  const auto resize = [](const std::string& fields) { return refusal_of("f32_nhwc_i9x8x4.resize_" + fields); };
  EXPECT_EQ(resize("o0x3_nearest"), "ConvProblem.stages[0].out_H: received 0; expected a positive number");
  EXPECT_EQ(resize("o3x?_nearest"), "ConvProblem.stages[0].out_W: received -1; expected a positive number");
  EXPECT_EQ(refusal_of("f32_nhwc_i?x?x4.resize_o3x3_nearest"),
            "ConvProblem.stages[0].IH, IW: received -1 (dynamic); expected static extents of a resize's input");
  EXPECT_NE(resize("o3x3_lanczos3").find("one of nearest, bilinear"), std::string::npos);
  EXPECT_NE(resize("o3_nearest"), "");
  EXPECT_NE(resize("o3x3"), "");
  EXPECT_NE(resize("k1x1_o3x3_nearest"), "");
  EXPECT_NE(resize("o70000x70000_nearest"), "");
  ConvProblem copy = problem_from_text("f32_nhwc_i9x8x4.copy_k1x1");
  copy.stages[0].interpolation = Interpolation::bilinear;
  EXPECT_THROW(validate(copy), std::invalid_argument);
}

TEST(ProblemText, Rejections) {
  const std::string good = "f32_nhwc_i9x8x4.dw_k3x3_p1x1x1x1.conv_o6_k1x1.bias.relu";
  ASSERT_NO_THROW(problem_from_text(good));
  const auto rejected = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      problem_from_text(text);
    } catch (const std::invalid_argument&) {
      return true;
    }
    return false;
  };
  EXPECT_TRUE(rejected(".dw_", ".depthwise_"));
  EXPECT_TRUE(rejected(".dw_k3x3", ".bias"));  // a step before any stage
  EXPECT_TRUE(rejected(".dw_k3x3_p1x1x1x1.conv_o6_k1x1.bias.relu", ""));
  EXPECT_TRUE(rejected(".conv_", "..conv_"));
  EXPECT_TRUE(rejected(".conv_o6", ".softmax.conv_o6"));  // along an axis, between stages
  EXPECT_TRUE(rejected("k1x1", "k1x1_m2"));
  EXPECT_TRUE(rejected("f32", "f99"));
  EXPECT_TRUE(rejected("nhwc", "hwcn"));
  EXPECT_TRUE(rejected("i9x8x4", "i9x8"));
  EXPECT_TRUE(rejected("i9x8x4", "i9x8x0"));
  EXPECT_TRUE(rejected("i9x8x4", "i9x8x?"));
  EXPECT_TRUE(rejected("i9x8x4", "i-1x8x4"));
  EXPECT_TRUE(rejected("i9x8x4", "i?x8x4"));  // static pads of a dynamic extent
  EXPECT_TRUE(rejected("i9x8x4", "i99999999999x8x4"));
  EXPECT_TRUE(rejected("i9x8x4", "i99999x99999x4"));
  EXPECT_TRUE(rejected("o6", "o0"));
  EXPECT_TRUE(rejected("o6", "6"));
  EXPECT_TRUE(rejected("k3x3", "k3x99"));  // an empty output
  EXPECT_TRUE(rejected("k3x3_", "k3x3_s0x1_"));
  EXPECT_TRUE(rejected("k3x3_", "k3x3_d1x1x1_"));
  EXPECT_TRUE(rejected("k3x3_", "k3x3_d1x1_s1x1_"));  // not in order
  EXPECT_TRUE(rejected("p1x1x1x1", "p1x1x1x?"));
  EXPECT_TRUE(rejected("p1x1x1x1", "p1x1x1x-1"));
  EXPECT_TRUE(rejected("p1x1x1x1", "p1x1x1x1_m1 "));
  EXPECT_TRUE(rejected(".relu", ".ReLU"));
  EXPECT_TRUE(rejected(".relu", ".linear"));
  EXPECT_TRUE(rejected(".relu", ".relu."));
  EXPECT_THROW(problem_from_text(""), std::invalid_argument);
  EXPECT_THROW(problem_from_text(good + good), std::invalid_argument);
}

TEST(ProblemText, PointwiseWeightsDoNotLimitADepthwiseLayer) {
  const std::string depthwise = "f32_nhwc_i5x5x50000.dw_k3x3_p1x1x1x1";
  EXPECT_NO_THROW(problem_from_text(depthwise + ".bias.relu"));
  EXPECT_THROW(problem_from_text(depthwise + ".conv_o50000_k1x1.bias.relu"), std::invalid_argument);
}

TEST(ProblemText, OneDimensionalStaysStaticInH) {
  ConvProblem p = problem_of(separable_stages());
  p.IW = 12, window(p).KW = 3;
  const ConvProblem dynamic = with_dynamic_extents(p);
  EXPECT_EQ(dynamic.IH, 1);
  EXPECT_TRUE(dynamic.dynamic_w());
  EXPECT_EQ(problem_from_text(to_text(dynamic)).stages[0].window.pad_left, kDynamic);
}

}  // namespace
}  // namespace sepconv::test
