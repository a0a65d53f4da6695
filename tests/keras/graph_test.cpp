// What the planner may and may not do, on small models.

#include <gtest/gtest.h>

#include "runtime/keras/model_graph.h"
#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json dw_config(json more = json::object()) {
  json config{{"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}};
  config.update(more);
  return config;
}
json pw_config(int filters, json more = json::object()) {
  json config{{"filters", filters}, {"kernel_size", {1, 1}}};
  config.update(more);
  return config;
}

/// image 8x8x4 -> dw -> bn -> act -> pw, with what the tests add.
std::vector<json> block(json more = json::object()) {
  return {input("image", {nullptr, 8, 8, 4}),
          layer("DepthwiseConv2D", "dw", dw_config(more.value("dw", json::object())), {{"image"}}),
          layer("BatchNormalization", "bn", more.value("bn", json{{"axis", -1}}), {{"dw"}}),
          layer("ReLU", "act", {{"max_value", 6.0}}, {{"bn"}}),
          layer("Conv2D", "pw", pw_config(5, more.value("pw", json::object())), {{"act"}})};
}

Plan plan(const json& model, PlanOptions options = {}, KerasRules rules = KerasRules::keras_3) {
  const ModelDocument model_document = document(model, rules);
  return plan_model(model_document, options);
}

std::vector<std::string> texts(const Plan& plan) {
  std::vector<std::string> result;
  for (const PlannedLayer& layer : plan.layers) result.push_back(layer.name + " " + to_text(layer.problem));
  return result;
}
using Texts = std::vector<std::string>;

const char* kJoined = "dw f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1.bias.relu6.conv_o5_k1x1.bias";
const char* kFoldedDw = "dw f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1.bias.relu6";
const char* kPlainDw = "dw f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1";
const char* kPlainPw = "pw f32_nhwc_i8x8x4.conv_o5_k1x1.bias";

TEST(Planner, JoinsDepthwiseAndPointwise) {
  EXPECT_EQ(texts(plan(functional("m", block(), {"image"}, {"pw"}))), Texts{kJoined});
}

TEST(Planner, OptionsTurnFoldsAndJoinsOff) {
  const json model = functional("m", block(), {"image"}, {"pw"});
  EXPECT_EQ(texts(plan(model, {{}, true, false})), (Texts{kFoldedDw, kPlainPw}));
  EXPECT_EQ(texts(plan(model, {{}, false, true})), (Texts{kPlainDw, kPlainPw}));
}

TEST(Planner, KeepsAMiddleThatTheModelReturns) {
  EXPECT_EQ(texts(plan(functional("m", block(), {"image"}, {"pw", "act"}))), (Texts{kFoldedDw, kPlainPw}));
  EXPECT_EQ(texts(plan(functional("m", block(), {"image"}, {"pw", "dw"}))), (Texts{kPlainDw, kPlainPw}));
}

TEST(Planner, KeepsAMiddleThatAnotherLayerReads) {
  std::vector<json> layers = block();
  layers.push_back(layer("Add", "add", {}, {{"act", "image"}}));
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw", "add"}))), (Texts{kFoldedDw, kPlainPw}));
  layers.back() = layer("Add", "add", {}, {{"bn", "image"}});
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw", "add"}))).size(), 2u);
}

TEST(Planner, FoldsNothingBehindAnActivation) {
  const Plan result = plan(functional("m", block({{"dw", {{"activation", "relu"}}}}), {"image"}, {"pw"}));
  EXPECT_EQ(result.layers[0].absorbed, std::vector<std::string>{"dw"});
}

TEST(Planner, FoldsOnlyNormalisationOfTheChannels) {
  EXPECT_EQ(texts(plan(functional("m", block({{"bn", {{"axis", 1}}}}), {"image"}, {"pw"}))),
            (Texts{kPlainDw, kPlainPw}));
  EXPECT_EQ(texts(plan(functional("m", block({{"bn", {{"axis", {3}}}}}), {"image"}, {"pw"}))), Texts{kJoined});
}

TEST(Planner, KeepsANormalisationThatRunsAsInTraining) {
  std::vector<json> layers = block();
  layers[2]["inbound_nodes"][0]["kwargs"]["training"] = true;
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw"}))), (Texts{kPlainDw, kPlainPw}));
}

TEST(Planner, KeepsLayersOfOtherTypes) {
  std::vector<json> layers = block();
  layers[2]["config"]["dtype"] = "float64";
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw"}))), (Texts{kPlainDw, kPlainPw}));
}

TEST(Planner, DoesNotJoinStridedOrOtherwiseLaidOutPointwise) {
  EXPECT_EQ(plan(functional("m", block({{"pw", {{"strides", 2}}}}), {"image"}, {"pw"})).layers.size(), 2u);
  const Plan grouped = plan(functional("m", block({{"pw", {{"groups", 2}, {"filters", 4}}}}), {"image"}, {"pw"}));
  EXPECT_EQ(grouped.layers.size(), 1u);
  ASSERT_EQ(grouped.skipped.size(), 1u);
  EXPECT_EQ(grouped.skipped[0].reason,
            "Conv2D with groups=2 on 4 channels is not compiled; expected groups=1, or as many groups as channels");
}

TEST(Planner, LeavesActivationsWithoutAKernelToTheApp) {
  std::vector<json> layers = block();
  layers[3] = layer("PReLU", "act", json::object(), {{"bn"}});
  const Plan result = plan(functional("m", layers, {"image"}, {"pw"}));
  EXPECT_EQ(texts(result), (Texts{"dw f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1.bias", kPlainPw}));
}

TEST(Planner, FoldsFunctionsAlongAnAxisOnlyBehindTheLastStage) {
  std::vector<json> layers = block();
  layers[3] = layer("Softmax", "act", {{"axis", 3}}, {{"bn"}});
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw"}))),
            (Texts{"dw f32_nhwc_i8x8x4.dw_k3x3_p1x1x1x1.bias.softmax", kPlainPw}));
}

TEST(Planner, FoldsAndJoinsWithinOneType) {
  std::vector<json> layers = block();
  for (json& item : layers) item["config"]["dtype"] = "mixed_bfloat16";
  const Plan half = plan(functional("m", layers, {"image"}, {"pw"}));
  ASSERT_EQ(half.layers.size(), 1u);
  EXPECT_EQ(half.layers[0].problem.dtype, DataType::bfloat16);
  layers.back()["config"]["dtype"] = "float32";  // the 1x1 convolution
  EXPECT_EQ(plan(functional("m", layers, {"image"}, {"pw"})).layers.size(), 2u);
}

TEST(Planner, AbsorbsZeroPaddingBeforeValidOnly) {
  const auto padded = [](const char* padding, const std::vector<std::string>& outputs) {
    return plan(
        functional("m",
                   {input("image", {nullptr, 8, 8, 4}),
                    layer("ZeroPadding2D", "pad", {{"padding", {{0, 1}, {2, 3}}}}, {{"image"}}),
                    layer("DepthwiseConv2D", "dw", dw_config({{"padding", padding}, {"strides", 2}}), {{"pad"}})},
                   {"image"}, outputs));
  };
  EXPECT_EQ(texts(padded("valid", {"dw"})), Texts{"dw f32_nhwc_i8x8x4.dw_k3x3_s2x2_p0x1x2x3"});
  EXPECT_EQ(padded("valid", {"dw"}).layers[0].absorbed, (std::vector<std::string>{"pad", "dw"}));
  EXPECT_EQ(texts(padded("valid", {"dw", "pad"})), Texts{"dw f32_nhwc_i9x13x4.dw_k3x3_s2x2"});
  EXPECT_EQ(texts(padded("same", {"dw"})), Texts{"dw f32_nhwc_i9x13x4.dw_k3x3_s2x2_p1x1x1x1"});
}

TEST(Planner, ChannelsFirstChainsFoldOverAxisOne) {
  json config = dw_config({{"data_format", "channels_first"}});
  const Plan result =
      plan(functional("m",
                      {input("image", {nullptr, 4, 8, 9}), layer("DepthwiseConv2D", "dw", config, {{"image"}}),
                       layer("BatchNormalization", "bn", {{"axis", 1}}, {{"dw"}}),
                       layer("LeakyReLU", "act", {{"alpha", 0.5}}, {{"bn"}})},
                      {"image"}, {"act"}));
  EXPECT_EQ(texts(result), Texts{"dw f32_nchw_i8x9x4.dw_k3x3_p1x1x1x1.bias.relu(0.5;inf;0)"});
}

TEST(Planner, PlansASharedLayerOncePerShapeAndUnfolded) {
  const json model = functional(
      "m",
      {input("a", {nullptr, 8, 8, 4}), input("b", {nullptr, 6, 6, 4}), input("c", {nullptr, 8, 8, 4}),
       layer("DepthwiseConv2D", "dw", dw_config(), {{"a"}, {"b"}, {"c"}}), layer("ReLU", "r0", {}, {{"dw:0"}}),
       layer("ReLU", "r1", {}, {{"dw:1"}}), layer("ReLU", "r2", {}, {{"dw:2"}})},
      {"a", "b", "c"}, {"r0", "r1", "r2"});
  EXPECT_EQ(texts(plan(model)), (Texts{kPlainDw, "dw#2 f32_nhwc_i6x6x4.dw_k3x3_p1x1x1x1"}));
}

TEST(Planner, NamesStayApart) {
  const auto dw = [](const std::string& name, const std::vector<std::vector<std::string>>& calls) {
    return layer("DepthwiseConv2D", name, dw_config({{"padding", "valid"}}), calls);
  };
  const auto names = [](const json& model) {
    std::vector<std::string> result;
    for (const PlannedLayer& layer : plan(model).layers) result.push_back(layer.name);
    return result;
  };
  EXPECT_EQ(
      names(functional(
          "m", {input("in", {nullptr, 20, 20, 4}), dw("dw", {{"in"}, {"dw:0"}, {"dw:1"}}), dw("dw#2", {{"dw:2"}})},
          {"in"}, {"dw#2"})),
      (Texts{"dw", "dw#3", "dw#4", "dw#2"}));
  EXPECT_EQ(names(sequential("m", {input("in", {nullptr, 20, 20, 4}), sequential("a/b", {dw("c", {})}), dw("a/b/c", {}),
                                   sequential("a", {dw("b/c", {})})})),
            (Texts{"a/b/c", "a/b/c#2", "a/b/c#3"}));
}

TEST(Planner, UnknownExtentsMakeADynamicProblemUnlessGiven) {
  std::vector<json> layers = block();
  layers[0] = input("image", {nullptr, nullptr, nullptr, 4});
  const json model = functional("m", layers, {"image"}, {"pw"});
  EXPECT_EQ(texts(plan(model)), Texts{"dw f32_nhwc_i?x?x4.dw_k3x3_p?x?x?x?.bias.relu6.conv_o5_k1x1.bias"});
  EXPECT_EQ(plan(model).layers[0].padding, "same");
  PlanOptions options;
  options.input_shape = {8, 8, 4};
  EXPECT_EQ(texts(plan(model, options)), Texts{kJoined});
  options.input_shape = {8, 8, 3};
  EXPECT_THROW(plan(model, options), std::invalid_argument);
  options.input_shape = {8, 4};
  EXPECT_THROW(plan(model, options), std::invalid_argument);
  options.input_shape = {8, 0, 4};
  EXPECT_THROW(plan(model, options), std::invalid_argument);
}

TEST(Planner, UnknownLayersHideTheShapeUnlessItIsRecorded) {
  std::vector<json> layers = block();
  layers[1] = layer("DepthwiseConv2D", "dw", dw_config(), {{"odd"}});
  layers.insert(layers.begin() + 1, layer("Mysterious", "odd", {}, {{"image"}}));
  Plan result = plan(functional("m", layers, {"image"}, {"pw"}));
  ASSERT_EQ(result.skipped.size(), 2u);
  EXPECT_EQ(result.skipped[0].reason, "input shape unknown after Mysterious 'odd'; pass --layer-shape dw=HxWxC");
  layers[2]["build_config"] = {{"input_shape", {nullptr, 8, 8, 4}}};
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw"}))), Texts{kJoined});
}

TEST(Planner, SkipsOtherConvolutionsWithAReason) {
  std::vector<json> layers = block();
  layers.push_back(layer("Conv2DTranspose", "up", {{"filters", 2}, {"kernel_size", {2, 2}}}, {{"pw"}}));
  layers.push_back(layer("Bidirectional", "both", {{"layer", {{"class_name", "ConvLSTM1D"}}}}, {{"up"}}));
  json custom = layer("SeparableConv2D", "own", {}, {{"both"}});
  custom["registered_name"] = "my_package>SeparableConv2D";
  layers.push_back(custom);
  layers.push_back(layer("DepthwiseConv2D", "unused", dw_config()));
  layers.push_back(layer(
      "DepthwiseConv2D", "half",
      dw_config({{"dtype", {{"class_name", "QuantizedDTypePolicy"}, {"config", {{"name", "int8_from_float32"}}}}}}),
      {{"own"}}));
  const Plan result = plan(functional("m", layers, {"image"}, {"half"}));
  ASSERT_EQ(result.skipped.size(), 5u);
  EXPECT_NE(result.skipped[0].reason.find("Conv2DTranspose is not compiled"), std::string::npos);
  EXPECT_EQ(result.skipped[1].reason, "ConvLSTM1D inside a Bidirectional layer is not compiled");
  EXPECT_EQ(result.skipped[2].reason, "a custom class: registered as \"my_package>SeparableConv2D\"");
  EXPECT_EQ(result.skipped[3].reason, "the model never calls it");
  EXPECT_EQ(result.skipped[4].reason.find("dtype policy int8_from_float32"), 0u) << result.skipped[4].reason;
}

TEST(Planner, SeesThroughNestedModels) {
  json inner = sequential("stem", {layer("DepthwiseConv2D", "dw", dw_config()), layer("ReLU", "act")});
  inner["name"] = "stem";
  inner["inbound_nodes"] = layer("x", "x", {}, {{"image"}})["inbound_nodes"];
  const Plan result =
      plan(functional("m", {input("image", {nullptr, 8, 8, 4}), inner, layer("Conv2D", "pw", pw_config(5), {{"stem"}})},
                      {"image"}, {"pw"}));
  ASSERT_EQ(result.layers.size(), 1u);
  EXPECT_EQ(result.layers[0].name, "stem/dw");
  EXPECT_EQ(result.layers[0].absorbed, (std::vector<std::string>{"stem/dw", "stem/act", "pw"}));
}

TEST(Planner, TreatsLayersOfANestedModelCalledTwiceAsShared) {
  json inner = sequential("stem", {layer("DepthwiseConv2D", "dw", dw_config()), layer("ReLU", "act")});
  inner["inbound_nodes"] = layer("x", "x", {}, {{"image"}, {"stem:0"}})["inbound_nodes"];
  const Plan result = plan(functional("m", {input("image", {nullptr, 8, 8, 4}), inner}, {"image"}, {"stem:1"}));
  EXPECT_EQ(texts(result), Texts{std::string("stem/") + kPlainDw});
}

TEST(Graph, ReadsTfKerasNodes) {
  std::vector<json> layers = block();
  const char* sources[] = {"", "image", "dw", "bn", "act"};
  for (std::size_t i = 1; i < layers.size(); ++i)
    layers[i]["inbound_nodes"] = json::array({json::array({json::array({sources[i], 0, 0, json::object()})})});
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw"}), {}, KerasRules::tf_keras_2)), Texts{kJoined});
}

TEST(Graph, CountsTensorsInKeywordArgumentsAsReaders) {
  std::vector<json> layers = block();
  json op = layer("TFOpLambda", "op", {}, {});
  op["inbound_nodes"] = json::array({json::array({json::array({"image", 0, 0, {{"y", {"act", 0, 0}}}})})});
  layers.push_back(op);
  EXPECT_EQ(texts(plan(functional("m", layers, {"image"}, {"pw", "op"}))), (Texts{kFoldedDw, kPlainPw}));
}

TEST(Graph, RefusesStructuresThatMakeNoSense) {
  const auto refused = [](std::vector<json> layers, const std::vector<std::string>& outputs) {
    EXPECT_THROW(plan(functional("m", layers, {"image"}, outputs)), std::invalid_argument);
  };
  std::vector<json> cycle = block();
  cycle[1] = layer("DepthwiseConv2D", "dw", dw_config(), {{"pw"}});
  refused(cycle, {"pw"});
  std::vector<json> twice = block();
  twice.push_back(twice.back());
  refused(twice, {"pw"});
  std::vector<json> missing = block();
  missing.erase(missing.begin() + 2);
  refused(missing, {"pw"});
  refused(block(), {"nothing"});
  refused(block(), {"pw:3"});
  refused(block(), {"pw:-1"});
  refused(block(), {});
  EXPECT_THROW(plan({{"class_name", "Subclassed"}, {"config", json::object()}}), std::invalid_argument);
}

TEST(Graph, RefusesAModelThatUnfoldsWithoutEnd) {
  json model = sequential("m0", {layer("ReLU", "r")});
  for (int depth = 1; depth < 30; ++depth) {  // each level calls the one below twice: 2^30 calls
    const std::string name = "m" + std::to_string(depth), below = "m" + std::to_string(depth - 1);
    model["inbound_nodes"] = layer("x", "x", {}, {{"image"}, {below + ":0"}})["inbound_nodes"];
    model = functional(name, {input("image", {nullptr, 8, 8, 4}), model}, {"image"}, {below + ":1"});
  }
  EXPECT_THROW(plan(model), std::invalid_argument);
}

TEST(SnakeCase, IsKeras) {
  for (const auto& [name, wanted] :
       std::vector<std::pair<const char*, const char*>>{{"ReLU", "re_lu"},
                                                        {"Conv1D", "conv1d"},
                                                        {"ZeroPadding2D", "zero_padding2d"},
                                                        {"InputLayer", "input_layer"},
                                                        {"SeparableConv2D", "separable_conv2d"},
                                                        {"BatchNormalization", "batch_normalization"},
                                                        {"GlobalAveragePooling1D", "global_average_pooling1d"},
                                                        {"Conv2DTranspose", "conv2d_transpose"},
                                                        {"LSTM", "lstm"},
                                                        {"Dense", "dense"},
                                                        {"", ""},
                                                        {"A", "a"}})
    EXPECT_EQ(snake_case(name), wanted);
}

}  // namespace
}  // namespace sepconv::keras::test
