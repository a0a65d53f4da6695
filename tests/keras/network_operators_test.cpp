// Operators of both Keras generations, gates, and branches that begin alike.

#include <gtest/gtest.h>

#include "tests/keras/network_lines.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json tensor(const std::string& name) {
  return {{"class_name", "__keras_tensor__"}, {"config", {{"keras_history", {name, 0, 0}}}}};
}

/// An operation of Keras 3: its arguments stand one by one.
json operation(const std::string& class_name, const std::string& name, const json& arguments,
               const std::string& module = "keras.src.ops.numpy", json config = json::object()) {
  json object = layer(class_name, name, std::move(config));
  object["module"] = module;
  object["inbound_nodes"] = json::array({{{"args", arguments}, {"kwargs", json::object()}}});
  return object;
}

/// A TensorFlow function of tf.keras 2. @param arguments  by keyword; a tensor is [name, 0, 0]
json function(const std::string& symbol, const std::string& name, const std::string& source, const json& arguments) {
  json object = layer("TFOpLambda", name, {{"function", symbol}, {"trainable", true}, {"dtype", "float32"}});
  object.erase("module");
  object["inbound_nodes"] = json::array({json::array({source, 0, 0, arguments})});
  return object;
}

Lines lines_of(const std::vector<json>& more, const std::string& output, KerasRules rules = KerasRules::keras_3) {
  std::vector<json> layers = {input("image", {nullptr, 4, 4, 2}), layer("Conv2D", "a", conv(2), {{"image"}})};
  layers.insert(layers.end(), more.begin(), more.end());
  return plan_lines(functional("m", layers, {"image"}, {output}), {}, rules);
}

TEST(NetworkOperators, HardSwishOfBothGenerations) {
  const Lines expected{"a: f32_nhwc_i4x4x2.conv_o2_k1x1.hard_silu image -> x"};
  EXPECT_EQ(
      lines_of(
          {operation("Add", "plus", {tensor("a"), 3.0}), layer("ReLU", "relu", {{"max_value", 6.0}}, {{"plus"}}),
           operation("Multiply", "sixth", {tensor("relu"), 1.0 / 6.0}), layer("Multiply", "x", {}, {{"a", "sixth"}})},
          "x"),
      expected);
  EXPECT_EQ(lines_of({function("math.add", "plus", "a", {{"y", 3.0}}),
                      layer("ReLU", "relu", {{"max_value", 6.0}}, {{"plus"}}),
                      function("math.multiply", "sixth", "relu", {{"y", 0.16666666666666666}}),
                      layer("Multiply", "x", {}, {{"sixth", "a"}})},
                     "x", KerasRules::tf_keras_2),
            expected);
  // x * relu6(x + 3) / 6
  EXPECT_EQ(lines_of({operation("Add", "plus", {tensor("a"), 3}),
                      operation("Relu6", "relu", {tensor("plus")}, "keras.src.ops.nn"),
                      operation("Multiply", "times", {tensor("a"), tensor("relu")}),
                      operation("TrueDivide", "x", {tensor("times"), 6})},
                     "x"),
            expected);
}

TEST(NetworkOperators, ConstantsGoIntoTheWeights) {
  EXPECT_EQ(lines_of({operation("Subtract", "x", {1.0, tensor("a")})}, "x"),
            Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1.bias image -> x"});
  EXPECT_EQ(lines_of({operation("Multiply", "x", {tensor("a"), json::array({2.0, 3.0})})}, "x"),
            Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> x"});
  EXPECT_EQ(lines_of({layer("Rescaling", "x", {{"scale", 0.5}, {"offset", {1.0, 2.0}}}, {{"a"}})}, "x"),
            Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1.bias image -> x"});
}

TEST(NetworkOperators, TensorsAndReductions) {
  EXPECT_EQ(lines_of({function("math.reduce_mean", "mean", "a", {{"axis", {1, 2}}, {"keepdims", true}}),
                      function("math.sigmoid", "gate", "mean", json::object()),
                      function("math.multiply", "x", "a", {{"y", {"gate", 0, 0}}})},
                     "x", KerasRules::tf_keras_2),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "mean: f32_nhwc_i4x4x2.avgpool_k4x4.sigmoid a -> gate",
                   "x: f32_nhwc_i4x4x2.copy_k1x1.mul_c a -> x, gate"}));
  EXPECT_EQ(lines_of({layer("Conv2D", "b", conv(1), {{"a"}}), layer("Subtract", "x", {}, {{"b", "a"}})}, "x"),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "b: f32_nhwc_i4x4x2.conv_o1_k1x1 a -> b",
                   "x: f32_nhwc_i4x4x2.copy_k1x1.scale.add_p a -> x, b"}));
}

TEST(NetworkOperators, AreRefusedByName) {
  const Lines lines = lines_of({operation("Cos", "x", {tensor("a")})}, "x");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].find("x (Cos): the operator 'cos' is not compiled"), 0u) << lines[0];
  EXPECT_EQ(lines_of({operation("Divide", "x", {1.0, tensor("a")})}, "x")[0].find("x (Divide): a division by a tensor"),
            0u);
}

TEST(NetworkOperators, BranchesThatBeginAlikeShareAStep) {
  EXPECT_EQ(lines_of({layer("ReLU", "r1", {}, {{"a"}}), layer("ReLU", "r2", {}, {{"a"}}),
                      layer("Conv2D", "b", conv(2), {{"r1"}}), layer("Conv2D", "c", conv(2), {{"r2"}}),
                      layer("Add", "x", {}, {{"b", "c"}})},
                     "x"),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1.relu image -> r1", "b: f32_nhwc_i4x4x2.conv_o2_k1x1 r1 -> b",
                   "c: f32_nhwc_i4x4x2.conv_o2_k1x1.add r2@r1+0 -> x, b"}));
}

TEST(NetworkOperators, SharedLayersAndNestedModels) {
  const json inner =
      functional("inner", {input("in", {nullptr, 4, 4, 2}), layer("Conv2D", "c", conv(2), {{"in"}})}, {"in"}, {"c"});
  json nested = inner;
  nested["inbound_nodes"] = layer("Functional", "inner", {}, {{"a"}, {"inner"}})["inbound_nodes"];
  EXPECT_EQ(lines_of({nested, layer("ReLU", "x", {}, {{"inner:1"}})}, "x"),
            (Lines{"a: f32_nhwc_i4x4x2.conv_o2_k1x1 image -> a", "inner/c: f32_nhwc_i4x4x2.conv_o2_k1x1 a -> inner/c",
                   "inner/c#2: f32_nhwc_i4x4x2.conv_o2_k1x1.relu inner/c -> x"}));
}

TEST(NetworkOperators, TimeIsImages) {
  json timed = layer("TimeDistributed", "t", {}, {{"video"}});
  timed["config"]["layer"] = layer("Conv2D", "c", conv(2));
  const json model = functional("m", {input("video", {nullptr, 3, 4, 4, 2}), timed, layer("ReLU", "relu", {}, {{"t"}})},
                                {"video"}, {"relu"});
  EXPECT_EQ(plan_lines(model), Lines{"t/c: f32_nhwc_i4x4x2.conv_o2_k1x1.relu t@video+0 -> relu#2@relu+0"});
}

}  // namespace
}  // namespace sepconv::keras::test
