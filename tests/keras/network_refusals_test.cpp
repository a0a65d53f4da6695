// Models that are no network, and the parts of them that are.

#include <gtest/gtest.h>

#include "runtime/keras/planner.h"
#include "tests/keras/network_lines.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

const char* kAdvice = "; plan a part of the model with --from LAYER and --to LAYER";

/// The line about image 4x4x2 -> x, which the layer named "x" makes.
std::string refused(const json& x, const PlanOptions& options = {}) {
  const Lines lines = plan_lines(functional("m", {input("image", {nullptr, 4, 4, 2}), x}, {"image"}, {"x"}), options);
  EXPECT_EQ(lines.size(), 1u);
  return lines.empty() ? "" : lines.front();
}
std::string refused_class(const std::string& class_name, const json& config = json::object()) {
  return refused(layer(class_name, "x", config, {{"image"}}));
}

TEST(NetworkRefusals, NameTheLayerAndWhatToDo) {
  const std::string line = refused_class("ConvLSTM1D", {{"filters", 2}, {"kernel_size", 1}});
  EXPECT_EQ(line, std::string("x (ConvLSTM1D): recurrent layers are not compiled") + kAdvice);
}

TEST(NetworkRefusals, OfClasses) {
  const std::pair<const char*, const char*> kClasses[] = {
      {"LSTM", "recurrent layers"}, {"Bidirectional", "recurrent layers"}, {"MultiHeadAttention", "attention"},
      {"Lambda", "lambda"},         {"Embedding", "embeddings"},           {"Masking", "masks"},
      {"Conv3D", "convolutions"},   {"GroupNormalization", "statistics"},  {"UnitNormalization", "statistics"},
      {"UpSampling3D", "rank"},     {"Dot", "layers of this class"},       {"MaxPooling3D", "pooling"}};
  for (const auto& [name, reason] : kClasses) {
    const std::string line = refused_class(name);
    EXPECT_NE(line.find(std::string("x (") + name + "): "), std::string::npos) << line;
    EXPECT_NE(line.find(reason), std::string::npos) << line;
  }
}

TEST(NetworkRefusals, OfConfigurations) {
  struct Case {
    const char* class_name;
    json config;
    const char* reason;
  };
  const Case kCases[] = {
      {"UpSampling2D", {{"size", 2}, {"interpolation", "bicubic"}}, "only 'nearest' and 'bilinear'"},
      {"Resizing", {{"height", 2}, {"width", 2}, {"interpolation", "area"}}, "only 'nearest' and 'bilinear'"},
      {"Resizing", {{"height", 2}, {"width", 2}, {"crop_to_aspect_ratio", true}}, "crop_to_aspect_ratio"},
      {"BatchNormalization", {{"axis", 2}}, "only along the channels"},
      {"PReLU", {{"shared_axes", nullptr}}, "only one for each channel"},
      {"Conv2DTranspose",
       {{"filters", 1}, {"kernel_size", 3}, {"strides", 2}, {"dilation_rate", 2}},
       "both strides and dilation"},
      {"Conv2DTranspose", {{"filters", 1}, {"kernel_size", 3}, {"data_format", "channels_first"}}, "channels_first"},
      {"Activation", {{"activation", "glu"}}, "glu"},
      {"LayerNormalization", {{"axis", 1}}, "along the last axis"},
      {"LayerNormalization", {{"rms_scaling", true}}, "rms_scaling"},
      {"Add", json::object(), "fewer than two tensors"},
      {"Conv2D", conv(2, {{"dtype", "int8"}}), "int8"},
  };
  for (const Case& one : kCases) {
    const std::string line = refused_class(one.class_name, one.config);
    EXPECT_NE(line.find(one.reason), std::string::npos) << line;
  }
}

TEST(NetworkRefusals, OfCustomClasses) {
  json custom = layer("Dense", "x", {{"units", 2}}, {{"image"}});
  custom["module"] = "mine";
  EXPECT_NE(refused(custom).find("x (Dense): a custom class: of module \"mine\""), std::string::npos);
}

TEST(NetworkRefusals, OfSeveralTypes) {
  const json model = functional(
      "m",
      {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2, {{"dtype", "mixed_float16"}}), {{"image"}}),
       layer("Softmax", "x", {{"dtype", "float32"}}, {{"a"}})},
      {"image"}, {"x"});
  EXPECT_EQ(plan_lines(model), Lines{std::string("x (Softmax): computes in float32, the layers before it in float16: "
                                                 "one type is compiled for all") +
                                     kAdvice});
}

TEST(NetworkRefusals, OfUnknownShapes) {
  const json model =
      functional("m", {input("image", {nullptr, nullptr, nullptr, 2}), layer("Conv2D", "x", conv(2), {{"image"}})},
                 {"image"}, {"x"});
  EXPECT_EQ(plan_lines(model), Lines{"image (InputLayer): its output shape unknown; pass --input-shape HxWxC"});
  PlanOptions options;
  options.input_shape = {4, 4, 2};
  EXPECT_EQ(plan_lines(model, options), Lines{"x: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> x"});
}

TEST(NetworkRefusals, LeaveTheLayersPlanned) {
  PlanOptions options;
  options.network = true;
  const ModelDocument model = document(functional(
      "m",
      {input("image", {nullptr, 4, 2}), layer("Conv1D", "a", {{"filters", 1}, {"kernel_size", 1}}, {{"image"}}),
       layer("LSTM", "rnn", {{"units", 2}}, {{"a"}})},
      {"image"}, {"rnn"}));
  const Plan plan = plan_model(model, options);
  EXPECT_EQ(plan.layers.size(), 1u);
  EXPECT_FALSE(plan.network);
  EXPECT_FALSE(plan.why_no_network.empty());
  EXPECT_FALSE(plan_model(model, {}).network);
  EXPECT_TRUE(plan_model(model, {}).why_no_network.empty());
}

/// image -> a -> b -> c -> rnn, and b + c -> sum.
json cut_model() {
  return functional("m",
                    {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}}),
                     layer("Conv2D", "b", conv(2), {{"a"}}), layer("Conv2D", "c", conv(2), {{"b"}}),
                     layer("Add", "sum", {}, {{"b", "c"}}), layer("GroupNormalization", "norm", {}, {{"c"}})},
                    {"image"}, {"sum", "norm"});
}

Lines cut(const std::string& from, const std::string& to) {
  PlanOptions options;
  options.from = from, options.to = to;
  return plan_lines(cut_model(), options);
}

TEST(NetworkCut, IsAPartOfTheModel) {
  EXPECT_EQ(cut("", "b"),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "b: f32_nhwc_i4x4x2.conv_o2_k1x1 a -> b"}));
  EXPECT_EQ(cut("b", "b"), Lines{"b: f32_nhwc_i4x4x2.conv_o2_k1x1 a -> b"});
  EXPECT_EQ(cut("sum", ""), Lines{"sum: f32_nhwc_i4x4x2.copy_k1x1.add b -> sum, c"});
  // What is read behind the cut is an output: b and c by `sum`, c by `norm`.
  EXPECT_EQ(cut("b", "c"), (Lines{"b: f32_nhwc_i4x4x2.conv_o2_k1x1 a -> b", "c: f32_nhwc_i4x4x2.conv_o2_k1x1 b -> c"}));
  EXPECT_EQ(cut("c", "sum"),
            (Lines{"c: f32_nhwc_i4x4x2.conv_o2_k1x1 b -> c", "sum: f32_nhwc_i4x4x2.copy_k1x1.add b -> sum, c"}));
}

TEST(NetworkCut, NamesItsInputsAndOutputs) {
  PlanOptions options;
  options.network = true;
  options.from = "b", options.to = "c";
  const ModelDocument model = document(cut_model());
  const Plan plan = plan_model(model, options);
  ASSERT_TRUE(plan.network);
  const NetworkPlan& network = plan.network->plan;
  std::string names;
  for (const auto& list : {network.inputs, network.outputs})
    for (const std::int32_t tensor : list) names += network.tensors[static_cast<std::size_t>(tensor)].name + " ";
  EXPECT_EQ(names, "a b c ");
}

TEST(NetworkCut, RefusesUnknownNames) {
  EXPECT_EQ(
      refusal([] { cut("summ", ""); }).find("test.json: --from summ: the model has no layer 'summ'; did you mean"), 0u);
  EXPECT_EQ(refusal([] { cut("sum", "a"); }), "test.json: layer 'a' does not depend on layer 'sum'");
}

}  // namespace
}  // namespace sepconv::keras::test
