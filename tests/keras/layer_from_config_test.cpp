// Configurations that Keras wrote, read and written again, and arguments with values of odd types.

#include "sepconv/layer_from_config.h"

#include <gtest/gtest.h>

#include "runtime/keras/json_text.h"
#include "sepconv/detail/keras_layer.h"
#include "tests/keras/test_files.h"

namespace sepconv::keras::test {
namespace {

using nlohmann::json;

/// Without what newer versions of Keras add, and what tf.keras writes without a meaning.
json plain(json config) {
  for (const char* key : {"groups", "kernel_initializer", "kernel_regularizer", "kernel_constraint"}) config.erase(key);
  for (auto& [key, value] : config.items()) {
    if (!value.is_object()) continue;
    value.erase("shared_object_id");
    if (!value.contains("config") || !value["config"].is_object()) continue;
    value["config"].erase("input_axes");
    value["config"].erase("output_axes");
  }
  return config;
}

TEST(LayerFromConfig, WritesWhatKerasWrote) {
  const json document =
      parse_json(read_file(std::filesystem::path(SEPCONV_TEST_DATA) / "goldens" / "cases.json"), "cases.json");
  std::size_t compared = 0;
  for (const json& row : document["cases"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    const json& wanted = row["layer"];
    FromConfigOptions options(keras_rules_from_text(row["api"].get<std::string>()));
    const KerasConvLayer layer = layer_from_config(wanted, options);
    const json written = serialize(layer);
    EXPECT_EQ(plain(written["config"]), plain(wanted["config"]));
    EXPECT_EQ(written["class_name"], wanted["class_name"]);
    if (wanted.contains("build_config")) {
      EXPECT_TRUE(layer.built());
      json shape = wanted["build_config"]["input_shape"];
      shape[0] = nullptr;
      EXPECT_EQ(written["build_config"]["input_shape"], shape);
    }
    // What we write, we read as the same layer.
    EXPECT_EQ(serialize(layer_from_config(written, options)), written);
    ++compared;
  }
  EXPECT_GT(compared, 100u);
}

json depthwise(json more) {
  json config{{"name", "d"}, {"kernel_size", {3}}};
  config.update(more);
  return {{"class_name", "DepthwiseConv1D"}, {"config", config}};
}

json object(const char* class_name, json config) { return {{"class_name", class_name}, {"config", std::move(config)}}; }

TEST(LayerFromConfig, ObjectsKeepTheirParameters) {
  const std::vector<std::pair<const char*, json>> objects = {
      {"depthwise_initializer", object("RandomNormal", {{"mean", 0.5}, {"stddev", 0.25}, {"seed", 7}})},
      {"depthwise_initializer", object("RandomUniform", {{"minval", -2.0}, {"maxval", 3.0}, {"seed", nullptr}})},
      {"depthwise_initializer", object("TruncatedNormal", {{"mean", 0.0}, {"stddev", 1.5}, {"seed", nullptr}})},
      {"depthwise_initializer",
       object("VarianceScaling",
              {{"scale", 2.0}, {"mode", "fan_avg"}, {"distribution", "untruncated_normal"}, {"seed", 3}})},
      {"depthwise_initializer", object("Orthogonal", {{"gain", 2.0}, {"seed", nullptr}})},
      {"bias_initializer", object("Constant", {{"value", 0.75}})},
      {"bias_initializer", object("Ones", json::object())},
      {"bias_initializer", nullptr},
      {"depthwise_regularizer", object("L1", {{"l1", 0.5}})},
      {"bias_regularizer", object("L2", {{"l2", 0.25}})},
      {"activity_regularizer", object("L1L2", {{"l1", 0.5}, {"l2", 0.125}})},
      {"depthwise_regularizer", object("OrthogonalRegularizer", {{"factor", 0.5}, {"mode", "columns"}})},
      {"depthwise_constraint", object("MaxNorm", {{"max_value", 3.0}, {"axis", {0, 1}}})},
      {"depthwise_constraint",
       object("MinMaxNorm", {{"min_value", 0.5}, {"max_value", 2.0}, {"rate", 0.5}, {"axis", -1}})},
      {"bias_constraint", object("UnitNorm", {{"axis", 0}})},
      {"bias_constraint", object("NonNeg", json::object())}};
  for (const auto& [key, value] : objects) {
    SCOPED_TRACE(value.dump());
    const json written = get_config(layer_from_config(depthwise({{key, value}})))[key];
    if (value.is_null()) {
      EXPECT_TRUE(written.is_null());
      continue;
    }
    EXPECT_EQ(written["class_name"], value["class_name"]);
    EXPECT_EQ(written["config"], value["config"]);
    EXPECT_TRUE(written.contains("module") && written.contains("registered_name"));
  }
}

TEST(LayerFromConfig, ActivationsAreSavedAsEachKerasDoes) {
  const auto saved = [](json value, KerasRules rules = KerasRules::keras_3) {
    return get_config(layer_from_config(depthwise({{"activation", std::move(value)}}), rules))["activation"];
  };
  for (const char* name : {"linear",      "relu",        "relu6",        "leaky_relu",     "elu",         "selu",
                           "celu",        "sigmoid",     "tanh",         "silu",           "gelu",        "softplus",
                           "softsign",    "exponential", "hard_sigmoid", "hard_silu",      "hard_tanh",   "mish",
                           "log_sigmoid", "squareplus",  "sparse_plus",  "sparse_sigmoid", "soft_shrink", "hard_shrink",
                           "tanh_shrink", "threshold",   "softmax",      "log_softmax",    "sparsemax",   "glu"})
    EXPECT_EQ(saved(name), name);
  EXPECT_EQ(saved(nullptr), "linear");
  EXPECT_EQ(saved("swish"), "silu");
  EXPECT_EQ(saved("hard_swish"), "hard_silu");
  EXPECT_EQ(saved("silu", KerasRules::tf_keras_2), "swish");
  EXPECT_EQ(saved("hard_sigmoid", KerasRules::tf_keras_2), "hard_sigmoid");
  EXPECT_EQ(saved("ReLU", KerasRules::tf_keras_2)["class_name"], "ReLU");
  EXPECT_EQ(saved(object("LeakyReLU", {{"negative_slope", 0.25}}))["config"]["negative_slope"], 0.25);
  EXPECT_EQ(saved(object("LeakyReLU", {{"alpha", 0.25}}), KerasRules::tf_keras_2)["config"]["alpha"], 0.25);
  EXPECT_EQ(saved(object("Softmax", {{"axis", 1}}))["config"]["axis"], -2);
  EXPECT_THROW(saved("relu(0.1;4;0.5)"), std::invalid_argument);  // our text form is no name of Keras
  EXPECT_THROW(saved(object("PReLU", json::object())), NotCompiledError);
  Activation celu{ActivationKind::celu};
  celu.alpha = 0.5;
  DepthwiseConvArgs args;
  args.kernel_size = 3;
  args.activation = ActivationArg(celu);
  EXPECT_THROW(get_config(DepthwiseConv1D(args)), std::invalid_argument);
}

TEST(LayerFromConfig, ReadsTfKerasArguments) {
  const json layer = depthwise({{"batch_input_shape", {8, 20, 1}},
                                {"groups", 1},
                                {"weights", json::array({{{{1.0}}, {{2.0}}, {{3.0}}}, {4.0}})}});
  KerasConvLayer read = layer_from_config(layer, KerasRules::tf_keras_2);
  read.build();
  EXPECT_EQ(to_doubles(read.get_weights()[0]), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(to_doubles(read.get_weights()[1]), std::vector<double>{4});
  EXPECT_EQ(get_config(read)["batch_input_shape"], json({8, 20, 1}));
  EXPECT_EQ(get_config(read)["dtype"], "float32");
  EXPECT_THROW(layer_from_config(layer), std::invalid_argument);
  EXPECT_THROW(layer_from_config(depthwise({{"groups", 2}}), KerasRules::tf_keras_2), std::invalid_argument);
  EXPECT_THROW(layer_from_config(depthwise({{"weights", {{1, 2}, 3}}}), KerasRules::tf_keras_2), std::invalid_argument);
}

TEST(LayerFromConfig, OddValuesAreRefusedNamingTheArgument) {
  const auto expect = [](json more, const char* argument) {
    try {
      layer_from_config(depthwise(more));
      ADD_FAILURE() << more.dump() << " was accepted";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(argument), std::string::npos) << error.what();
    }
  };
  expect({{"name", 3}}, "name");
  expect({{"trainable", "yes"}}, "trainable");
  expect({{"kernel_size", "3"}}, "kernel_size");
  expect({{"kernel_size", {"3"}}}, "kernel_size");
  expect({{"strides", 99999999999}}, "strides");
  expect({{"dilation_rate", json::array()}}, "dilation_rate");
  expect({{"depth_multiplier", "2"}}, "depth_multiplier");
  expect({{"depth_multiplier", 1e12}}, "depth_multiplier");
  expect({{"data_format", json::array()}}, "data_format");
  expect({{"activation", 7}}, "activation");
  expect({{"dtype", 7}}, "dtype");
  expect({{"depthwise_initializer", 7}}, "depthwise_initializer");
  expect({{"depthwise_initializer", object("VarianceScaling", {{"mode", "fan"}})}}, "mode");
  expect({{"depthwise_initializer", object("VarianceScaling", {{"scale", 0}})}}, "scale");
  expect({{"depthwise_initializer", object("RandomNormal", {{"seed", "a"}})}}, "seed");
  expect({{"bias_regularizer", object("L1", {{"l1", "a"}})}}, "l1");
  expect({{"bias_regularizer", object("OrthogonalRegularizer", {{"mode", "all"}})}}, "mode");
  expect({{"bias_constraint", object("MaxNorm", {{"axis", 1.5}})}}, "axis");
  expect({{"bias_constraint", true}}, "bias_constraint");
  expect({{"input_shape", {1.5}}}, "input_shape");
  EXPECT_THROW(layer_from_config(object("Dense", json::object())), std::invalid_argument);
  EXPECT_THROW(layer_from_config(object("SeparableConv2D", 3)), std::invalid_argument);
  EXPECT_THROW(layer_from_config(nullptr), std::invalid_argument);
  json foreign = depthwise(json::object());
  EXPECT_NO_THROW(layer_from_config(foreign));
  foreign.update({{"module", nullptr}, {"registered_name", "DepthwiseConv2D"}});
  EXPECT_THROW(layer_from_config(foreign), std::invalid_argument);
  KerasConvLayer late = layer_from_config(depthwise({{"kernel_size", {3.0}}}));
  EXPECT_THROW(late.build({10, 4}), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::keras::test
