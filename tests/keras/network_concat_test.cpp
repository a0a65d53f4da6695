// Concatenations, and other tensors that are made part by part.

#include <gtest/gtest.h>

#include "tests/keras/network_lines.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

std::vector<json> branches() {
  return {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}}),
          layer("Conv2D", "b", conv(3), {{"image"}})};
}

Lines lines_of(const std::vector<json>& more, const std::vector<std::string>& outputs) {
  std::vector<json> layers = branches();
  layers.insert(layers.end(), more.begin(), more.end());
  return plan_lines(functional("m", layers, {"image"}, outputs));
}

TEST(NetworkConcat, MakersWriteIntoIt) {
  EXPECT_EQ(lines_of({layer("Concatenate", "cat", {}, {{"a", "b"}}),
                      layer("MaxPooling2D", "pool", {{"pool_size", {2, 2}}}, {{"b"}})},
                     {"cat", "pool"}),
            (Lines{"a: f32_nhwc_i4x4x2_y20x5.conv_o2_k1x1 image -> cat#2@cat+0",
                   "b: f32_nhwc_i4x4x2_y20x5.conv_o3_k1x1 image -> b@cat+2",
                   "pool: f32_nhwc_i4x4x3_x20x5.maxpool_k2x2_s2x2 b@cat+2 -> pool"}));
}

TEST(NetworkConcat, CopiesWhatCannotLieInIt) {
  // The model's input, an operand, and a tensor that is flattened.
  EXPECT_EQ(
      lines_of({layer("Concatenate", "cat", {}, {{"image", "b"}}), layer("Conv2D", "c", conv(3), {{"image"}}),
                layer("Add", "add", {}, {{"b", "c"}})},
               {"cat", "add"}),
      (Lines{"b: f32_nhwc_i4x4x2.conv_o3_k1x1 image -> b", "cat: f32_nhwc_i4x4x2_y20x5.copy_k1x1 image -> cat#2@cat+0",
             "cat#2: f32_nhwc_i4x4x3_y20x5.copy_k1x1 b -> cat#3@cat+2",
             "c: f32_nhwc_i4x4x2.conv_o3_k1x1.add image -> add, b"}));
  EXPECT_EQ(
      lines_of({layer("Concatenate", "cat", {}, {{"a", "b"}}), layer("Flatten", "flat", {}, {{"a"}}),
                layer("Dense", "dense", {{"units", 1}, {"use_bias", false}}, {{"flat"}})},
               {"cat", "dense"}),
      (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "b: f32_nhwc_i4x4x2_y20x5.conv_o3_k1x1 image -> cat#2@cat+2",
             "cat: f32_nhwc_i4x4x2_y20x5.copy_k1x1 a -> cat#3@cat+0",
             "dense: f32_nhwc_i1x1x32.conv_o1_k1x1 flat@a+0 -> dense"}));
}

TEST(NetworkConcat, NestsAsDenseNetsDo) {
  EXPECT_EQ(lines_of({layer("Concatenate", "cat", {}, {{"a", "b"}}), layer("Conv2D", "c", conv(1), {{"cat"}}),
                      layer("Concatenate", "cat_2", {}, {{"cat", "c"}})},
                     {"cat_2"}),
            (Lines{"a: f32_nhwc_i4x4x2_y24x6.conv_o2_k1x1 image -> cat@cat_2+0",
                   "b: f32_nhwc_i4x4x2_y24x6.conv_o3_k1x1 image -> cat#2@cat_2+2",
                   "c: f32_nhwc_i4x4x5_x24x6_y24x6.conv_o1_k1x1 cat#3@cat_2+0 -> cat_2#2@cat_2+5"}));
}

TEST(NetworkConcat, NormalisesInTheMakers) {
  EXPECT_EQ(
      lines_of({layer("Concatenate", "cat", {}, {{"a", "b"}}),
                layer("BatchNormalization", "bn", {{"axis", -1}}, {{"cat"}}), layer("ReLU", "relu", {}, {{"bn"}})},
               {"relu"}),
      (Lines{"a: f32_nhwc_i4x4x2_y20x5.conv_o2_k1x1.bias.relu image -> cat@relu+0",
             "b: f32_nhwc_i4x4x2_y20x5.conv_o3_k1x1.bias.relu image -> cat#2@relu+2"}));
}

TEST(NetworkConcat, LiesAlongRowsAndColumns) {
  const auto along = [](int axis) {
    return lines_of(
        {layer("Conv2D", "c", conv(2), {{"a"}}), layer("Concatenate", "cat", {{"axis", axis}}, {{"a", "c"}})}, {"cat"});
  };
  EXPECT_EQ(along(1), (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a@cat+0",
                             "c: f32_nhwc_i4x4x2.conv_o2_k1x1 a@cat+0 -> cat#2@cat+32"}));
  EXPECT_EQ(along(2), (Lines{"a: f32_nhwc_i4x4x2_y16x2.conv_o2_k1x1 image -> a@cat+0",
                             "c: f32_nhwc_i4x4x2_x16x2_y16x2.conv_o2_k1x1 a@cat+0 -> cat#2@cat+8"}));
}

TEST(NetworkConcat, OfChannelsFirstIsDense) {
  const json first{{"data_format", "channels_first"}};
  const json model = functional(
      "m",
      {input("image", {nullptr, 2, 4, 4}), layer("Conv2D", "a", conv(2, first), {{"image"}}),
       layer("Conv2D", "b", conv(3, first), {{"a"}}), layer("Concatenate", "cat", {{"axis", 1}}, {{"a", "b"}}),
       layer("BatchNormalization", "bn", {{"axis", 1}}, {{"cat"}})},
      {"image"}, {"bn"});
  EXPECT_EQ(plan_lines(model), (Lines{"a: f32_nchw_i4x4x2.conv_o2_k1x1 image -> a@cat+0",
                                      "b: f32_nchw_i4x4x2.conv_o3_k1x1 a@cat+0 -> cat#2@cat+32",
                                      "bn: f32_nchw_i4x4x5.copy_k1x1.scale.bias cat -> bn"}));
}

TEST(NetworkConcat, GroupsReadAndWriteChannels) {
  EXPECT_EQ(lines_of({layer("Conv2D", "g", conv(4, {{"groups", 2}, {"kernel_size", {3, 3}}}), {{"a2"}}),
                      layer("Conv2D", "a2", conv(6), {{"image"}}), layer("ReLU", "relu", {}, {{"g"}})},
                     {"relu"}),
            (Lines{"a2: f32_nhwc_i4x4x2.conv_o6_k1x1 image -> a2",
                   "g: f32_nhwc_i4x4x3_x24x6_y8x4.conv_o2_k3x3.relu g@a2+0 -> g#2@relu+0",
                   "g#2: f32_nhwc_i4x4x3_x24x6_y8x4.conv_o2_k3x3.relu g#3@a2+3 -> g#4@relu+2"}));
}

TEST(NetworkConcat, PhasesOfATransposedConvolution) {
  EXPECT_EQ(lines_of({layer("Conv2DTranspose", "up", {{"filters", 1}, {"kernel_size", 2}, {"strides", 2}}, {{"a"}}),
                      layer("ReLU", "relu", {}, {{"up"}})},
                     {"relu"}),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a",
                   "up: f32_nhwc_i4x4x2_y16x2.conv_o1_k1x1.bias.relu a -> up@relu+0",
                   "up#2: f32_nhwc_i4x4x2_y16x2.conv_o1_k1x1.bias.relu a -> up#2@relu+1",
                   "up#3: f32_nhwc_i4x4x2_y16x2.conv_o1_k1x1.bias.relu a -> up#3@relu+8",
                   "up#4: f32_nhwc_i4x4x2_y16x2.conv_o1_k1x1.bias.relu a -> up#4@relu+9"}));
}

TEST(NetworkConcat, ResizesImages) {
  EXPECT_EQ(
      lines_of({layer("UpSampling2D", "up", {{"size", {1, 2}}}, {{"a"}}), layer("ReLU", "relu", {}, {{"up"}})},
               {"relu"}),
      (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "up: f32_nhwc_i4x4x2.resize_o4x8_nearest.relu a -> relu"}));
  EXPECT_EQ(lines_of({layer("UpSampling2D", "up", {{"size", 3}, {"interpolation", "bilinear"}}, {{"a"}}),
                      layer("Resizing", "size", {{"height", 2}, {"width", 5}}, {{"up"}})},
                     {"size"}),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "up: f32_nhwc_i4x4x2.resize_o12x12_bilinear a -> up",
                   "size: f32_nhwc_i12x12x2.resize_o2x5_bilinear up -> size"}));
  EXPECT_EQ(lines_of({layer("Resizing", "size", {{"height", 4}, {"width", 4}}, {{"a"}})}, {"size"}),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a@size+0"}));
}

TEST(NetworkConcat, CroppingReadsAPart) {
  EXPECT_EQ(
      lines_of({layer("Cropping2D", "crop", {{"cropping", {{1, 0}, {1, 1}}}}, {{"b"}}),
                layer("Conv2D", "c", conv(1), {{"crop"}})},
               {"c"}),
      (Lines{"b: f32_nhwc_i4x4x2.conv_o3_k1x1 image -> b", "c: f32_nhwc_i3x2x3_x12x3.conv_o1_k1x1 crop@b+15 -> c"}));
}

}  // namespace
}  // namespace sepconv::keras::test
