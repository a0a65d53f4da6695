// A layer that Keras or this reader refuses is listed with its reason; the rest of the model is planned.

#include <gtest/gtest.h>

#include "runtime/keras/planner.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json depthwise(const json& more = json::object()) {
  json config{{"kernel_size", {3, 3}}, {"padding", "same"}};
  config.update(more);
  return config;
}

/// image -> first -> odd, and image -> last
Plan plan_around(const std::string& class_name, json config, KerasRules rules = KerasRules::keras_3) {
  const ModelDocument made = document(
      functional("m",
                 {input("image", {nullptr, 8, 8, 4}), layer("DepthwiseConv2D", "first", depthwise(), {{"image"}}),
                  layer(class_name, "odd", std::move(config), {{"first"}}),
                  layer("DepthwiseConv2D", "last", depthwise(), {{"image"}})},
                 {"image"}, {"odd", "last"}),
      rules);
  return plan_model(made, {});
}

void expect_listed(const Plan& plan, const std::string& reason) {
  EXPECT_EQ(plan.layers.size(), 2u);
  ASSERT_EQ(plan.skipped.size(), 1u);
  EXPECT_EQ(plan.skipped[0].name, "odd");
  EXPECT_NE(plan.skipped[0].reason.find(reason), std::string::npos) << plan.skipped[0].reason;
  EXPECT_EQ(plan.skipped[0].reason.find("'odd'"), std::string::npos) << plan.skipped[0].reason;
}

json custom_function(json module, const char* name) {
  return {{"module", std::move(module)}, {"class_name", "function"}, {"config", name}, {"registered_name", name}};
}

TEST(UnreadableLayer, AnUnknownActivation) {
  const json lambda{{"class_name", "__lambda__"}, {"config", {{"value", {"4wEA", nullptr, nullptr}}}}};
  const json object{{"module", "mine"}, {"class_name", "Swish"}, {"config", {{"beta", 1}}}, {"registered_name", "M>S"}};
  for (const KerasRules rules : {KerasRules::keras_3, KerasRules::tf_keras_2}) {
    for (const json& function :
         {json("h_swish"), json("<lambda>"), json("Mine>swish"), custom_function(nullptr, "gelu6"),
          custom_function("builtins", "gelu6"), lambda, object, json(7), json::array()}) {
      SCOPED_TRACE(function.dump());
      for (const char* class_name : {"DepthwiseConv2D", "Activation"}) {
        const json config = class_name == std::string("Activation") ? json{{"activation", function}}
                                                                    : depthwise({{"activation", function}});
        expect_listed(plan_around(class_name, config, rules), "activation");
      }
    }
  }
}

TEST(UnreadableLayer, AnotherAuthorsFunctionOfKerasName) {
  for (const json& module : {json(nullptr), json("mine.functions")})
    expect_listed(plan_around("DepthwiseConv2D", depthwise({{"activation", custom_function(module, "relu")}})), "relu");
  for (const json& module : {json("builtins"), json("keras.activations")}) {
    const json config = depthwise({{"activation", custom_function(module, "relu")}});
    EXPECT_EQ(plan_around("DepthwiseConv2D", config).layers.size(), 3u);
  }
}

TEST(UnreadableLayer, ArgumentsThatKerasRefuses) {
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"kernel_size", 0}})), "kernel_size");
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"padding", "reflect"}})), "padding");
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"data_format", 1}})), "data_format");
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"dtype", json::array()}})), "dtype");
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"dtype", "int8"}})), "dtype");
  expect_listed(plan_around("DepthwiseConv2D", depthwise({{"dtype", "int8_from_float32"}})), "dtype");
}

TEST(UnreadableLayer, StridesAndDilationOfTfKeras2) {
  const json both = depthwise({{"strides", {2, 2}}, {"dilation_rate", {3, 3}}});
  expect_listed(plan_around("DepthwiseConv2D", both, KerasRules::tf_keras_2), "not supported in conjunction");
  EXPECT_EQ(plan_around("DepthwiseConv2D", both).layers.size(), 3u);
  const json across = depthwise({{"strides", {2, 1}}, {"dilation_rate", {1, 2}}});
  expect_listed(plan_around("DepthwiseConv2D", across, KerasRules::tf_keras_2), "not supported in conjunction");
  const json pointwise{{"filters", 4}, {"kernel_size", 1}, {"strides", 2}, {"dilation_rate", 2}};
  expect_listed(plan_around("Conv2D", pointwise, KerasRules::tf_keras_2), "not supported in conjunction");
}

TEST(UnreadableLayer, WhatFollowsStridesAndDilationOfTfKeras2HasNoKnownSize) {
  const json model = functional(
      "m",
      {input("image", {nullptr, 16, 16, 4}),
       layer("DepthwiseConv2D", "odd", depthwise({{"strides", {2, 2}}, {"dilation_rate", {3, 3}}}), {{"image"}}),
       layer("DepthwiseConv2D", "after", depthwise(), {{"odd"}})},
      {"image"}, {"after"});
  const ModelDocument made = document(model, KerasRules::tf_keras_2);
  const Plan plan = plan_model(made, {});
  EXPECT_TRUE(plan.layers.empty());
  EXPECT_EQ(plan.skipped.size(), 2u);
}

TEST(UnreadableLayer, LoraInAnH5) {
  const json model =
      functional("m",
                 {input("image", {nullptr, 8, 8, 4}),
                  layer("Conv2D", "odd", {{"filters", 4}, {"kernel_size", 1}, {"lora_rank", 2}}, {{"image"}})},
                 {"image"}, {"odd"});
  ModelDocument made = document(model);
  EXPECT_EQ(plan_model(made, {}).layers.size(), 1u);
  made.weights = make_hdf5({}, {{"/model_weights", "layer_names", {"image", "odd"}}});
  made.weights_form = WeightsForm::legacy;
  const Plan plan = plan_model(made, {});
  ASSERT_EQ(plan.skipped.size(), 1u);
  EXPECT_NE(plan.skipped[0].reason.find("LoRA"), std::string::npos);
}

TEST(UnreadableLayer, WhatOnlyTrainingNeedsIsNotRead) {
  const json foreign{{"module", nullptr}, {"class_name", "Mine"}, {"config", {{"x", 1}}}, {"registered_name", "Mine"}};
  const Plan plan = plan_around("DepthwiseConv2D", depthwise({{"depthwise_initializer", foreign},
                                                              {"depthwise_regularizer", foreign},
                                                              {"depthwise_constraint", foreign},
                                                              {"activity_regularizer", "mine"},
                                                              {"bias_initializer", 3}}));
  EXPECT_EQ(plan.layers.size(), 3u);
  EXPECT_TRUE(plan.skipped.empty());
}

TEST(UnreadableLayer, AFollowerThatMakesNoSenseIsNotFolded) {
  for (const auto& [class_name, config] : {std::pair<const char*, json>{"ReLU", {{"max_value", "six"}}},
                                           {"ReLU", {{"dtype", 3}}},
                                           {"BatchNormalization", {{"renorm", true}}},
                                           {"BatchNormalization", {{"epsilon", "small"}}},
                                           {"Activation", {{"activation", "relu"}, {"dtype", json::array({1})}}}}) {
    const Plan plan = plan_around(class_name, config);
    ASSERT_EQ(plan.layers.size(), 2u);
    EXPECT_EQ(plan.layers[0].absorbed, std::vector<std::string>{"first"}) << class_name;
    EXPECT_TRUE(plan.skipped.empty()) << class_name;
  }
}

}  // namespace
}  // namespace sepconv::keras::test
