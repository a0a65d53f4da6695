// Networks of layers in a row, and of sums: what becomes one step.

#include <gtest/gtest.h>

#include "tests/keras/network_lines.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

TEST(NetworkChain, JoinsConvolutionsWithWhatFollows) {
  const json model = functional(
      "m",
      {input("image", {nullptr, 8, 8, 3}), layer("ZeroPadding2D", "pad", {{"padding", {{0, 1}, {0, 1}}}}, {{"image"}}),
       layer("Conv2D", "stem", {{"filters", 4}, {"kernel_size", {3, 3}}, {"strides", {2, 2}}, {"use_bias", false}},
             {{"pad"}}),
       layer("BatchNormalization", "stem_bn", {{"axis", -1}}, {{"stem"}}),
       layer("ReLU", "stem_relu", {{"max_value", 6.0}}, {{"stem_bn"}}),
       layer("DepthwiseConv2D", "dw", {{"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}},
             {{"stem_relu"}}),
       layer("BatchNormalization", "dw_bn", {{"axis", 3}}, {{"dw"}}), layer("ReLU", "dw_relu", {}, {{"dw_bn"}}),
       layer("Conv2D", "pw", {{"filters", 6}, {"kernel_size", {1, 1}}}, {{"dw_relu"}}),
       layer("GlobalAveragePooling2D", "pool", {}, {{"pw"}}), layer("Dropout", "drop", {{"rate", 0.5}}, {{"pool"}}),
       layer("Dense", "head", {{"units", 10}, {"activation", "softmax"}}, {{"drop"}})},
      {"image"}, {"head"});
  EXPECT_EQ(plan_lines(model),
            (Lines{"stem: f32_nhwc_i8x8x3.conv_o4_k3x3_s2x2_p0x1x0x1.bias.relu6 image -> stem_relu",
                   "dw: f32_nhwc_i4x4x4.dw_k3x3_p1x1x1x1.bias.relu.conv_o6_k1x1.bias stem_relu -> pw",
                   "pool: f32_nhwc_i4x4x6.avgpool_k4x4 pw -> pool",
                   "head: f32_nhwc_i1x1x6.conv_o10_k1x1.bias.softmax drop@pool+0 -> head"}));
}

TEST(NetworkChain, AddsInTheBranchThatRunsLast) {
  const json model = functional(
      "m",
      {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}}),
       layer("Conv2D", "b", conv(2), {{"a"}}), layer("Add", "add", {}, {{"b", "a"}}),
       layer("ReLU", "relu", {}, {{"add"}}), layer("Conv2D", "c", conv(2), {{"relu"}}),
       layer("Add", "add_2", {}, {{"relu", "c"}}), layer("BatchNormalization", "bn", {{"axis", -1}}, {{"add_2"}})},
      {"image"}, {"bn"});
  EXPECT_EQ(plan_lines(model), (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a",
                                      "b: f32_nhwc_i4x4x2.conv_o2_k1x1.add.relu a -> relu, a",
                                      "c: f32_nhwc_i4x4x2.conv_o2_k1x1.add.scale.bias relu -> bn, relu"}));
}

TEST(NetworkChain, NormalisesPixels) {
  const json model = functional("m",
                                {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}}),
                                 layer("LayerNormalization", "norm", {{"epsilon", 0.5}, {"center", false}}, {{"a"}}),
                                 layer("ReLU", "relu", {}, {{"norm"}}), layer("Conv2D", "b", conv(3), {{"relu"}})},
                                {"image"}, {"b"});
  EXPECT_EQ(plan_lines(model), (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a",
                                      "norm: f32_nhwc_i4x4x2.norm_k1x1_e(0.5).scale.relu a -> relu",
                                      "b: f32_nhwc_i4x4x2.conv_o3_k1x1 relu -> b"}));
}

TEST(NetworkChain, KeepsWhatTheModelReturns) {
  const json model = functional("m",
                                {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}}),
                                 layer("ReLU", "relu", {}, {{"a"}}), layer("Flatten", "flat", {}, {{"relu"}})},
                                {"image"}, {"flat", "a", "image", "relu"});
  EXPECT_EQ(plan_lines(model), (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a",
                                      "relu: f32_nhwc_i4x4x2.copy_k1x1.relu a -> relu#2@flat+0",
                                      "image: f32_nhwc_i4x4x2.copy_k1x1 image -> image#2",
                                      "relu#2: f32_nhwc_i4x4x2.copy_k1x1 relu#2@flat+0 -> relu"}));
}

}  // namespace
}  // namespace sepconv::keras::test
