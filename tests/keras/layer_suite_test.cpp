// Suites for benchmarks, as plan_file reads them: the same problems as those of Keras' layers, and what is refused.

#include "runtime/keras/layer_suite.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json layer_with(const json& changes = json::object()) {
  json layer = {{"name", "a"},
                {"group", "tests"},
                {"kind", "separable"},
                {"dims", 2},
                {"batch", 8},
                {"H", 15},
                {"W", 9},
                {"C", 6},
                {"F", 10},
                {"kernel", {3, 5}},
                {"depth_multiplier", 2},
                {"stride", {2, 2}},
                {"dilation", {1, 1}},
                {"padding", "same"},
                {"data_format", "channels_last"},
                {"activation", "relu6"},
                {"bias", true},
                {"dtype", "float32"},
                {"source", "a test"}};
  layer.update(changes);
  return layer;
}

/// A 1-D layer of 9 steps; other members are `layer_with`'s.
json line_with(const json& changes) {
  json layer = layer_with({{"dims", 1}, {"L", 9}, {"kernel", {3}}, {"stride", {1}}, {"dilation", {2}}});
  layer.erase("H");
  layer.erase("W");
  layer.update(changes);
  return layer;
}

json suite_of(const std::vector<json>& layers) { return {{"format", 1}, {"groups", {"tests"}}, {"layers", layers}}; }

Plan plan(const std::vector<json>& layers) { return plan_layer_suite(document(suite_of(layers))); }

TEST(LayerSuite, PlansTheProblemsOfTheSameKerasLayers) {
  const json first = layer_with({{"name", "first"}, {"data_format", "channels_first"}, {"activation", "none"}});
  const json depthwise =
      layer_with({{"name", "dw"}, {"kind", "depthwise"}, {"F", nullptr}, {"padding", "valid"}, {"bias", false}});
  const Plan planned = plan({layer_with(), first, depthwise, line_with({{"name", "line"}, {"padding", "causal"}})});

  json config = {{"name", "a"},       {"filters", 10},         {"kernel_size", {3, 5}}, {"strides", 2},
                 {"padding", "same"}, {"depth_multiplier", 2}, {"use_bias", true},      {"activation", "relu6"}};
  json keras =
      json::array({{{"class_name", "SeparableConv2D"}, {"input_shape", {nullptr, 15, 9, 6}}, {"config", config}}});
  config.update({{"name", "first"}, {"data_format", "channels_first"}, {"activation", "linear"}});
  keras.push_back({{"class_name", "SeparableConv2D"}, {"input_shape", {nullptr, 6, 15, 9}}, {"config", config}});
  config = {{"name", "dw"},      {"kernel_size", {3, 5}}, {"strides", 2},         {"depth_multiplier", 2},
            {"use_bias", false}, {"padding", "valid"},    {"activation", "relu6"}};
  keras.push_back({{"class_name", "DepthwiseConv2D"}, {"input_shape", {nullptr, 15, 9, 6}}, {"config", config}});
  config = {{"name", "line"},        {"filters", 10},       {"kernel_size", 3},     {"dilation_rate", 2},
            {"depth_multiplier", 2}, {"padding", "causal"}, {"activation", "relu6"}};
  keras.push_back(
      {{"class_name", "SeparableConv1D"}, {"api", "tf_keras2"}, {"input_shape", {nullptr, 9, 6}}, {"config", config}});
  const Plan expected = plan_layer_list(document(keras), {});
  ASSERT_TRUE(expected.skipped.empty()) << expected.skipped.front().reason;

  ASSERT_EQ(planned.layers.size(), expected.layers.size());
  for (std::size_t i = 0; i < expected.layers.size(); ++i) {
    EXPECT_EQ(to_text(planned.layers[i].problem), to_text(expected.layers[i].problem));
    EXPECT_EQ(planned.layers[i].name, expected.layers[i].name);
    EXPECT_EQ(planned.layers[i].absorbed, expected.layers[i].absorbed);
    EXPECT_EQ(planned.layers[i].padding, expected.layers[i].padding);
    EXPECT_EQ(planned.layers[i].batch, 8);
    EXPECT_FALSE(planned.layers[i].has_weights);
  }
}

TEST(LayerSuite, ADepthwiseLayerMayBeCausal) {
  const Plan planned = plan({line_with({{"kind", "depthwise"}, {"padding", "causal"}, {"activation", "none"}})});
  EXPECT_EQ(to_text(planned.layers[0].problem), "f32_nhwc_i1x9x6.dw_k1x3_d1x2_p0x0x4x0_m2.bias");
}

TEST(LayerSuite, PlanFileTellsItFromAModelAndAList) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "layer_suite_test.json";
  std::ofstream(path) << suite_of({layer_with(), layer_with({{"name", "b"}})});
  PlanOptions options;
  options.layers = "b";
  const Plan planned = plan_file(path, options);
  ASSERT_EQ(planned.layers.size(), 1u);
  EXPECT_EQ(planned.layers[0].name, "b");
  std::filesystem::remove(path);
  EXPECT_FALSE(is_layer_suite({{"class_name", "Sequential"}, {"config", {{"layers", json::array()}}}}));
  EXPECT_FALSE(is_layer_suite(json::array()));
}

void refused(const json& suite, const std::string& part) {
  try {
    plan_layer_suite(document(suite));
    ADD_FAILURE() << suite.dump() << " was accepted";
  } catch (const std::invalid_argument& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(LayerSuite, RefusesLayers) {
  const auto changed = [](const json& changes, const std::string& part) {
    refused(suite_of({layer_with({{"name", "other"}}), layer_with(changes)}), part);
  };
  changed({{"colour", "red"}}, "layer 2: unknown field 'colour'");
  changed({{"name", "a/b"}}, "name: expected no '/' and one line, received \"a/b\"");
  changed({{"name", "a\nb"}}, "name: expected no '/' and one line");
  changed({{"name", "other"}}, "two layers are called 'other'");
  changed({{"group", "others"}}, "layer 2 'a': group: expected one of tests, received \"others\"");
  changed({{"kind", "grouped"}}, "kind: expected one of separable, depthwise, received \"grouped\"");
  changed({{"dims", 3}}, "dims: expected 1 or 2, received 3");
  changed({{"C", 0}}, "C: expected a whole number from 1, received 0");
  changed({{"C", 1.5}}, "C: expected a whole number from 1, received 1.5");
  changed({{"C", 18446744073709551615ULL}}, "C: expected a whole number from 1, received 18446744073709551615");
  changed({{"F", nullptr}}, "F: expected a whole number from 1, received null");
  changed({{"kernel", {3}}}, "kernel: expected a list of 2, received [3]");
  changed({{"kernel", {3, -1}}}, "kernel: expected whole numbers from 1, received [3,-1]");
  changed({{"padding", "causal"}}, "padding: expected one of valid, same, received \"causal\"");
  changed({{"bias", 1}}, "bias: expected true or false, received 1");
  changed({{"dtype", "float16"}}, "dtype: expected one of float32");
  changed({{"padding", "valid"}, {"kernel", {16, 3}}}, "layer 2 'a': SeparableConv2D 'a': Computed output size");
  changed({{"C", 2147483647}}, "layer 2 'a': too large");
  for (const char* key : {"name", "group", "kind", "dims", "batch", "H", "W", "C", "F", "kernel", "stride", "dilation",
                          "padding", "data_format", "depth_multiplier", "activation", "bias", "dtype"}) {
    json open = layer_with();
    open.erase(key);
    refused(suite_of({open}), std::string(": no field '") + key + "'");
  }
  refused(suite_of({3}), "layer 1: expected an object, received 3");
}

TEST(LayerSuite, RefusesSuites) {
  json suite = suite_of({layer_with()});
  suite["format"] = 2;
  refused(suite, "format: expected 1, received 2");
  suite.erase("format");
  refused(suite, "format: expected 1, received null");
  suite = suite_of({layer_with()});
  suite["colour"] = "red";
  refused(suite, "unknown field 'colour'");
  suite.erase("colour");
  suite["groups"] = json::array({3});
  refused(suite, "groups: expected a list of texts, received [3]");
  refused(suite_of({}), "layers: expected a list of layers, received []");
  refused({{"format", 1}}, "layers: expected a list of layers, received null");
}

}  // namespace
}  // namespace sepconv::keras::test
