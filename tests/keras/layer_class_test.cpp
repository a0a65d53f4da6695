// Whose class a layer is: Keras' own, or another author's that has the same name.

#include "runtime/keras/layer_class.h"

#include <gtest/gtest.h>

#include "runtime/keras/planner.h"
#include "sepconv/detail/keras_layer.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

json with_class(json module, json registered_name, const std::string& class_name = "DepthwiseConv2D") {
  return {{"module", std::move(module)},
          {"class_name", class_name},
          {"config", json::object()},
          {"registered_name", std::move(registered_name)}};
}

TEST(LayerClass, ModulesOfEveryKerasAreItsOwn) {
  for (const char* module :
       {"keras", "keras.layers", "keras.src.layers.convolutional.depthwise_conv2d", "keras.engine.functional",
        "keras.layers.convolutional", "tf_keras.src.layers", "tensorflow.python.keras.layers.convolutional",
        "keras_core.layers", "keras.src.ops.numpy", "keras.src.applications.convnext"}) {
    EXPECT_TRUE(is_keras_module(module)) << module;
    EXPECT_EQ(foreign_class(with_class(module, nullptr), true), std::nullopt) << module;
    EXPECT_EQ(foreign_class(with_class(module, "DepthwiseConv2D"), true), std::nullopt) << module;
  }
  for (const char* module : {"", "mine", "keras_cv.src.layers", "keras_hub.layers", "kerastuner", "my.keras.layers",
                             "tensorflow_addons.layers", "tensorflow.python.ops", "__main__"})
    EXPECT_FALSE(is_keras_module(module)) << module;
}

TEST(LayerClass, ForeignClassesSayHowTheyAreKnown) {
  EXPECT_EQ(foreign_class(with_class(nullptr, "DepthwiseConv2D"), false),
            "registered as \"DepthwiseConv2D\", of no module");
  EXPECT_EQ(foreign_class(with_class("mine.layers", "DepthwiseConv2D"), false), "of module \"mine.layers\"");
  EXPECT_EQ(foreign_class(with_class("keras.layers", "Mine>DepthwiseConv2D"), false),
            "registered as \"Mine>DepthwiseConv2D\"");
  EXPECT_EQ(foreign_class({{"class_name", "Mine>DepthwiseConv2D"}}, false), "registered as \"Mine>DepthwiseConv2D\"");
  EXPECT_EQ(foreign_class(with_class(3, nullptr), false), "its module is 3");
  EXPECT_EQ(foreign_class({{"class_name", "ReLU"}, {"registered_name", "MyReLU"}}, false), "registered as \"MyReLU\"");
}

TEST(LayerClass, ALayerOfKerasOwnInceptionResNetIsRegisteredAsCustom) {
  const char* registered = "Custom>CustomScaleLayer";
  EXPECT_EQ(
      foreign_class(with_class("tf_keras.src.applications.inception_resnet_v2", registered, "CustomScaleLayer"), true),
      std::nullopt);
  EXPECT_EQ(foreign_class({{"class_name", registered}}, true), std::nullopt);
  EXPECT_EQ(foreign_class(with_class("mine", registered, "CustomScaleLayer"), true), "of module \"mine\"");
}

TEST(LayerClass, OneLayerByItselfIsJudgedToo) {
  json layer = with_class(nullptr, "DepthwiseConv2D");
  layer["config"] = {{"kernel_size", 3}};
  EXPECT_THROW(plan_layer_config(layer, {1, 8, 8, 4}), NotCompiledError);
  layer["module"] = "keras.layers";
  EXPECT_NO_THROW(plan_layer_config(layer, {1, 8, 8, 4}));
}

json legacy(const std::string& class_name, json config) {
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

TEST(LayerClass, WithoutAModuleTheArgumentsDecide) {
  const json whole{{"name", "d"},       {"trainable", true}, {"dtype", "float32"},     {"kernel_size", {3, 3}},
                   {"strides", {1, 1}}, {"padding", "same"}, {"activation", "linear"}, {"use_bias", true}};
  EXPECT_EQ(foreign_class(legacy("DepthwiseConv2D", whole), true), std::nullopt);
  json more = whole;
  more["shared"] = true;
  EXPECT_EQ(foreign_class(legacy("DepthwiseConv2D", more), false), "Keras' DepthwiseConv2D has no argument \"shared\"");
  json less = whole;
  less.erase("strides");
  EXPECT_EQ(foreign_class(legacy("DepthwiseConv2D", less), true),
            "Keras' DepthwiseConv2D always has the argument 'strides'");
  EXPECT_EQ(foreign_class(legacy("DepthwiseConv2D", less), false), std::nullopt);  // JSON that somebody wrote
  EXPECT_EQ(foreign_class(legacy("SeparableConv2D", whole), true),
            "Keras' SeparableConv2D always has the argument 'filters'");
  EXPECT_EQ(foreign_class(legacy("BatchNormalization", {{"axis", 3}, {"freeze", true}}), true),
            "Keras' BatchNormalization has no argument \"freeze\"");
  EXPECT_EQ(foreign_class(legacy("Activation", {{"activation", "relu"}, {"beta", 1}}), true),
            "Keras' Activation has no argument \"beta\"");
  EXPECT_EQ(foreign_class(legacy("Dense", {{"anything", 1}}), true), std::nullopt);
}

/// image 8x8x4 -> dw -> the layer -> last, the layer changed by `change`.
json between(const json& changed) {
  const json config{{"kernel_size", {3, 3}}, {"padding", "same"}, {"use_bias", false}};
  json middle = layer("DepthwiseConv2D", "middle", config, {{"dw"}});
  middle.update(changed);
  return functional("m",
                    {input("image", {nullptr, 8, 8, 4}), layer("DepthwiseConv2D", "dw", config, {{"image"}}), middle,
                     layer("DepthwiseConv2D", "last", config, {{"dw"}})},
                    {"image"}, {"middle", "last"});
}

TEST(LayerClass, AForeignConvolutionIsListedAndTheOthersArePlanned) {
  for (const json& changed :
       {json{{"module", nullptr}, {"registered_name", "DepthwiseConv2D"}},
        json{{"module", "mine"}, {"registered_name", "DepthwiseConv2D"}},
        json{{"registered_name", "Mine>DepthwiseConv2D"}},
        json{{"module", nullptr}, {"registered_name", "x"}, {"config", {{"kernel_size", "odd"}}}}}) {
    const ModelDocument made = document(between(changed));
    const Plan plan = plan_model(made, {});
    EXPECT_EQ(plan.layers.size(), 2u);
    ASSERT_EQ(plan.skipped.size(), 1u);
    EXPECT_EQ(plan.skipped[0].name, "middle");
    EXPECT_EQ(plan.skipped[0].reason.find("a custom class: "), 0u) << plan.skipped[0].reason;
  }
}

TEST(LayerClass, AForeignLayerIsNeverFolded) {
  const json config{{"kernel_size", {3, 3}}, {"use_bias", false}};
  json norm = layer("BatchNormalization", "norm", {{"axis", -1}}, {{"dw"}});
  const auto absorbed = [&] {
    const ModelDocument made = document(
        functional("m", {input("image", {nullptr, 8, 8, 4}), layer("DepthwiseConv2D", "dw", config, {{"image"}}), norm},
                   {"image"}, {"norm"}));
    return plan_model(made, {}).layers.at(0).absorbed.size();
  };
  EXPECT_EQ(absorbed(), 2u);
  norm["module"] = "mine";
  EXPECT_EQ(absorbed(), 1u);
}

}  // namespace
}  // namespace sepconv::keras::test
