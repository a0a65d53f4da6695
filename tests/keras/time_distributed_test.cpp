// Convolutions inside of TimeDistributed: time is a part of their batch.

#include "runtime/keras/time_distributed.h"

#include <gtest/gtest.h>

#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json depthwise(const std::string& name) {
  return layer("DepthwiseConv2D", name, {{"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}});
}

json timed(const std::string& name, const json& inner, const std::vector<std::vector<std::string>>& calls) {
  return layer("TimeDistributed", name, {{"layer", inner}}, calls);
}

/// A model on videos of 5 frames of 8x8x4.
json video_model(const std::vector<json>& layers, const std::vector<std::string>& outputs) {
  std::vector<json> all{input("video", {nullptr, 5, 8, 8, 4})};
  all.insert(all.end(), layers.begin(), layers.end());
  return functional("m", all, {"video"}, outputs);
}

Plan plan(const json& model) {
  const ModelDocument made = document(model);
  return plan_model(made, {});
}

std::vector<std::string> names(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedLayer& layer : plan.layers) result.push_back(layer.name);
  return result;
}
using Names = std::vector<std::string>;

TEST(TimeDistributed, ALayerInsideIsPlanned) {
  const Plan result = plan(video_model({timed("td", depthwise("dw"), {{"video"}})}, {"td"}));
  EXPECT_EQ(names(result), Names{"td/dw"});
  EXPECT_EQ(to_text(result.layers[0].problem), "f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1");
  EXPECT_TRUE(result.skipped.empty());
}

TEST(TimeDistributed, AModelInsideIsPlanned) {
  const json inner = functional("base",
                                {input("frame", {nullptr, 8, 8, 4}),
                                 layer("SeparableConv2D", "s", {{"filters", 3}, {"kernel_size", 3}}, {{"frame"}}),
                                 layer("ReLU", "r", {}, {{"s"}})},
                                {"frame"}, {"r"});
  const Plan result = plan(video_model({timed("td", inner, {{"video"}})}, {"td"}));
  EXPECT_EQ(names(result), Names{"td/base/s"});
  EXPECT_EQ(result.layers[0].absorbed, (Names{"td/base/s", "td/base/r"}));
  const Plan in_a_row =
      plan(video_model({timed("td", sequential("base", {depthwise("dw"), layer("ReLU", "r")}), {{"video"}})}, {"td"}));
  EXPECT_EQ(names(in_a_row), Names{"td/base/dw"});
}

TEST(TimeDistributed, LevelsOfTimeNest) {
  const json rows = layer("SeparableConv1D", "rows", {{"filters", 3}, {"kernel_size", 2}});
  const Plan result = plan(video_model({timed("outer", timed("inner", rows, {}), {{"video"}})}, {"outer"}));
  EXPECT_EQ(names(result), Names{"outer/inner/rows"});
  EXPECT_EQ(result.layers[0].problem.IW, 8);
  EXPECT_EQ(result.layers[0].problem.IC, 4);
}

TEST(TimeDistributed, LayersInARowBecomeOneProblem) {
  const json norm = layer("BatchNormalization", "bn", {{"axis", {-1}}});
  const json pointwise = layer("Conv2D", "pw", {{"filters", 5}, {"kernel_size", 1}});
  const std::vector<json> layers{timed("t1", depthwise("dw"), {{"video"}}), timed("t2", norm, {{"t1"}}),
                                 timed("t3", pointwise, {{"t2"}})};
  const Plan result = plan(video_model(layers, {"t3"}));
  ASSERT_EQ(names(result), Names{"t1/dw"});
  EXPECT_EQ(result.layers[0].absorbed, (Names{"t1/dw", "t2/bn", "t3/pw"}));
  // What the model returns stays apart.
  EXPECT_EQ(names(plan(video_model(layers, {"t3", "t1"}))), (Names{"t1/dw", "t3/pw"}));
}

TEST(TimeDistributed, TimeComesBack) {
  const json after = layer("Conv3D", "after", {{"filters", 2}, {"kernel_size", 2}}, {{"td"}});
  const ModelDocument made = document(video_model({timed("td", depthwise("dw"), {{"video"}}), after}, {"after"}));
  const ModelGraph graph = build_graph(made, {});
  EXPECT_EQ(graph.calls.back().input_shapes[0], (Shape{kDynamic, 5, 8, 8, 4}));
}

TEST(TimeDistributed, ALayerThatIsCalledTwiceIsSharedInside) {
  const json model = functional("m",
                                {input("a", {nullptr, 5, 8, 8, 4}), input("b", {nullptr, 2, 6, 6, 4}),
                                 timed("td", depthwise("dw"), {{"a"}, {"b"}})},
                                {"a", "b"}, {"td:0", "td:1"});
  EXPECT_EQ(names(plan(model)), (Names{"td/dw", "td/dw#2"}));
}

TEST(TimeDistributed, TrainingReachesTheLayersInside) {
  json norm = timed("t2", layer("BatchNormalization", "bn", {{"axis", {-1}}}), {{"t1"}});
  norm["inbound_nodes"][0]["kwargs"]["training"] = true;
  const Plan result = plan(video_model({timed("t1", depthwise("dw"), {{"video"}}), norm}, {"t2"}));
  EXPECT_EQ(result.layers.at(0).absorbed, Names{"t1/dw"});
}

TEST(TimeDistributed, ReadsWhatItCannotMakeSenseOf) {
  EXPECT_TRUE(plan(video_model({timed("td", nullptr, {{"video"}})}, {"td"})).layers.empty());
  const Plan result = plan(video_model({timed("td", {{"class_name", "Conv2D"}}, {{"video"}})}, {"td"}));
  ASSERT_EQ(result.skipped.size(), 1u);
  EXPECT_EQ(result.skipped[0].name, "td/conv2d");
  EXPECT_THROW(plan(video_model({timed("td", depthwise("dw"), {{}})}, {"td"})), std::invalid_argument);
}

TEST(TimeDistributed, AMaskIsNoInput) {
  json td = timed("td", depthwise("dw"), {{"video"}});
  td["inbound_nodes"][0]["kwargs"]["mask"] = layer("x", "x", {}, {{"mask"}})["inbound_nodes"][0]["args"][0];
  json inner = sequential("stem", {depthwise("dw"), layer("ReLU", "act")});
  inner["name"] = "stem";
  // tf.keras 2: the keywords stand behind the first tensor.
  inner["inbound_nodes"] = json::array({json::array({json::array({"image", 0, 0, {{"mask", {"mask", 0, 0}}}})})});
  const json model = functional("m",
                                {input("video", {nullptr, 5, 8, 8, 4}), input("image", {nullptr, 8, 8, 4}),
                                 input("mask", {nullptr, 5}), td, inner},
                                {"video", "image", "mask"}, {"td", "stem"});
  EXPECT_EQ(names(plan(model)), (Names{"td/dw", "stem/dw"}));
}

TEST(Wrappers, KeepTheShapesOfTheLayerInside) {
  for (const char* wrapper : {"QuantizeWrapperV2", "PruneLowMagnitude", "SpectralNormalization", "QuantizeLayer"}) {
    json wrapped =
        layer(wrapper, "w", {{"layer", layer("MaxPooling2D", "pool", {{"pool_size", {1, 1}}})}}, {{"image"}});
    json after = depthwise("dw");
    after["inbound_nodes"] = layer("x", "x", {}, {{"w"}})["inbound_nodes"];
    EXPECT_EQ(names(plan(functional("m", {input("image", {nullptr, 8, 8, 4}), wrapped, after}, {"image"}, {"dw"}))),
              Names{"dw"})
        << wrapper;
  }
}

TEST(Wrappers, OfTheModelOptimizationToolkitAreListedWithAdvice) {
  for (const auto& [wrapper, advice] : {std::pair{"QuantizeWrapperV2", "quantize_model()"},
                                        {"PruneLowMagnitude", "strip_pruning()"},
                                        {"ClusterWeights", "strip_clustering()"}}) {
    json wrapped = layer(wrapper, "w", {{"layer", depthwise("dw")}}, {{"image"}});
    wrapped["module"] = "tensorflow_model_optimization.python.core";
    const Plan result = plan(functional("m", {input("image", {nullptr, 8, 8, 4}), wrapped}, {"image"}, {"w"}));
    ASSERT_EQ(result.skipped.size(), 1u);
    EXPECT_EQ(result.skipped[0].reason.find(std::string("DepthwiseConv2D inside a ") + wrapper), 0u);
    EXPECT_NE(result.skipped[0].reason.find(advice), std::string::npos);
  }
}

}  // namespace
}  // namespace sepconv::keras::test
