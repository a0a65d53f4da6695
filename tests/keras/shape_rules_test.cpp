// Output shapes by layer class; WholeModelTest checks the usual ones against Keras' own results.

#include <gtest/gtest.h>

#include "runtime/keras/shape_rules.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {
namespace {

using nlohmann::json;
constexpr std::int64_t kNone = kDynamic;

std::optional<Shape> shape(const char* class_name, const json& config, Shape input) {
  return output_shape(class_name, config, {std::move(input)});
}

TEST(ShapeRules, Windows) {
  EXPECT_EQ(shape("Conv2D", {{"filters", 5}, {"kernel_size", {3, 3}}, {"strides", {2, 2}}, {"padding", "same"}},
                  {kNone, 9, 8, 3}),
            (Shape{kNone, 5, 4, 5}));
  EXPECT_EQ(shape("Conv1D", {{"filters", 5}, {"kernel_size", {3}}, {"padding", "causal"}}, {kNone, kNone, 3}),
            (Shape{kNone, kNone, 5}));
  EXPECT_EQ(shape("DepthwiseConv2D",
                  {{"kernel_size", {3, 3}}, {"depth_multiplier", 2}, {"data_format", "channels_first"}}, {1, 4, 9, 9}),
            (Shape{1, 8, 7, 7}));
  EXPECT_EQ(shape("MaxPooling2D", {{"pool_size", {3, 3}}, {"strides", {2, 2}}, {"padding", "same"}}, {1, 29, 29, 4}),
            (Shape{1, 15, 15, 4}));
  EXPECT_EQ(shape("AveragePooling1D", {{"pool_size", 2}, {"strides", nullptr}}, {1, 9, 4}), (Shape{1, 4, 4}));
  EXPECT_EQ(shape("Conv2D", {{"filters", 5}, {"kernel_size", {3}}}, {1, 9, 9, 3}), std::nullopt);
  EXPECT_EQ(shape("MaxPooling2D", {{"pool_size", {0, 1}}}, {1, 9, 9, 3}), std::nullopt);
}

TEST(ShapeRules, Rearrangements) {
  EXPECT_EQ(shape("Flatten", json::object(), {kNone, 3, 4, 5}), (Shape{kNone, 60}));
  EXPECT_EQ(shape("Flatten", json::object(), {kNone, kNone, 4, 5}), (Shape{kNone, kNone}));
  EXPECT_EQ(shape("Reshape", {{"target_shape", {4, -1}}}, {kNone, 3, 4, 5}), (Shape{kNone, 4, 15}));
  EXPECT_EQ(shape("Permute", {{"dims", {2, 1}}}, {1, 3, 4}), (Shape{1, 4, 3}));
  EXPECT_EQ(shape("Permute", {{"dims", {2, 7}}}, {1, 3, 4}), std::nullopt);
  EXPECT_EQ(shape("Dense", {{"units", 7}}, {1, 3, 4}), (Shape{1, 3, 7}));
  EXPECT_EQ(shape("ZeroPadding2D", {{"padding", {{0, 1}, {2, 3}}}}, {1, 8, 8, 4}), (Shape{1, 9, 13, 4}));
  EXPECT_EQ(shape("ZeroPadding1D", {{"padding", {1, 2}}}, {1, 8, 4}), (Shape{1, 11, 4}));
  EXPECT_EQ(shape("ZeroPadding2D", {{"padding", 2}}, {1, 8, 8, 4}), (Shape{1, 12, 12, 4}));
  EXPECT_EQ(shape("Cropping2D", {{"cropping", {{1, 1}, {0, 2}}}}, {1, 8, 8, 4}), (Shape{1, 6, 6, 4}));
  EXPECT_EQ(shape("UpSampling2D", {{"size", {2, 3}}}, {1, 8, kNone, 4}), (Shape{1, 16, kNone, 4}));
  EXPECT_EQ(shape("GlobalAveragePooling2D", {{"keepdims", true}}, {1, 8, 8, 4}), (Shape{1, 1, 1, 4}));
  EXPECT_EQ(shape("GlobalMaxPooling1D", json::object(), {1, 8, 4}), (Shape{1, 4}));
  EXPECT_EQ(shape("Mysterious", json::object(), {1, 8, 4}), std::nullopt);
}

TEST(ShapeRules, SeveralInputs) {
  EXPECT_EQ(output_shape("Concatenate", {{"axis", -1}}, {Shape{1, 4, 3}, Shape{1, 4, 5}}), (Shape{1, 4, 8}));
  EXPECT_EQ(output_shape("Concatenate", {{"axis", 1}}, {Shape{1, 4, 3}, Shape{1, kNone, 3}}), (Shape{1, kNone, 3}));
  EXPECT_EQ(output_shape("Concatenate", {{"axis", 5}}, {Shape{1, 4, 3}, Shape{1, 4, 5}}), std::nullopt);
  EXPECT_EQ(output_shape("Add", json::object(), {Shape{1, 4, 1}, Shape{1, 1, 5}}), (Shape{1, 4, 5}));
  EXPECT_EQ(output_shape("Add", json::object(), {Shape{1, 4, 1}, std::nullopt}), (Shape{kNone, 4, kNone}));
  // keras.applications' InceptionResNetV2
  EXPECT_EQ(output_shape("CustomScaleLayer", {{"scale", 0.17}}, {Shape{1, 4, 5}, Shape{1, 4, 5}}), (Shape{1, 4, 5}));
}

TEST(ShapeRules, Merging) {
  EXPECT_EQ(merged(Shape{kNone, 3}, Shape{2, 4}), (Shape{2, 3}));
  EXPECT_EQ(merged(std::nullopt, Shape{2, 4}), (Shape{2, 4}));
  EXPECT_EQ(merged(Shape{kNone, 3}, Shape{2, 4, 5}), (Shape{kNone, 3}));
}

TEST(ShapeRules, PaddingLayers) {
  using Zeros = std::array<std::int32_t, 4>;
  EXPECT_EQ(zero_padding("ZeroPadding2D", {{"padding", {{0, 1}, {2, 3}}}}), (Zeros{0, 1, 2, 3}));
  EXPECT_EQ(zero_padding("ZeroPadding2D", {{"padding", {1, 2}}}), (Zeros{1, 1, 2, 2}));
  EXPECT_EQ(zero_padding("ZeroPadding1D", {{"padding", {1, 2}}}), (Zeros{0, 0, 1, 2}));
  EXPECT_EQ(zero_padding("ZeroPadding1D", {{"padding", 3}}), (Zeros{0, 0, 3, 3}));
  EXPECT_EQ(zero_padding("ZeroPadding2D", {{"padding", {{-1, 1}, {2, 3}}}}), std::nullopt);
  EXPECT_EQ(zero_padding("ZeroPadding2D", {{"padding", {{0, 99999999999}, {2, 3}}}}), std::nullopt);
  EXPECT_EQ(zero_padding("ReLU", json::object()), std::nullopt);
}

}  // namespace
}  // namespace sepconv::keras
