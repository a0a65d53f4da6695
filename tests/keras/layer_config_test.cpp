// One serialised layer: what Keras accepts, what it refuses, and the problem that it means.

#include <gtest/gtest.h>

#include "runtime/keras/activation_config.h"
#include "sepconv/detail/keras_layer.h"
#include "tests/keras/test_files.h"
#include "tests/stage_lists.h"

namespace sepconv::keras::test {
namespace {

using namespace sepconv::test;

using nlohmann::json;

json config_of(json config) { return {{"class_name", "SeparableConv2D"}, {"config", std::move(config)}}; }

json separable(json more = json::object()) {
  json config{{"name", "sep"}, {"filters", 5}, {"kernel_size", {3, 3}}};
  config.update(more);
  return config_of(config);
}

json of_class(const char* name, json config) { return {{"class_name", name}, {"config", std::move(config)}}; }

std::string problem(const json& layer, std::vector<std::int64_t> shape, KerasRules rules = KerasRules::keras_3) {
  return to_text(plan_layer_config(layer, std::move(shape), rules).problem);
}

std::string refusal(const json& layer, KerasRules rules = KerasRules::keras_3) {
  try {
    conv_layer_config(layer, rules);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(LayerConfig, DefaultsAreKeras) {
  EXPECT_EQ(problem(separable(), {kDynamic, 10, 12, 4}), "f32_nhwc_i10x12x4.dw_k3x3.conv_o5_k1x1.bias");
}

TEST(LayerConfig, SamePaddingPutsTheOddZeroBehind) {
  const auto pads = [](std::int64_t n, int k, int s, int d) {
    const auto layer =
        of_class("DepthwiseConv1D", {{"kernel_size", k}, {"strides", s}, {"dilation_rate", d}, {"padding", "Same"}});
    const ConvProblem p = plan_layer_config(layer, {1, n, 3}).problem;
    return std::array<int, 3>{window(p).pad_left, window(p).pad_right, p.OW()};
  };
  EXPECT_EQ(pads(10, 3, 2, 1), (std::array<int, 3>{0, 1, 5}));
  EXPECT_EQ(pads(11, 3, 2, 1), (std::array<int, 3>{1, 1, 6}));
  EXPECT_EQ(pads(10, 4, 1, 1), (std::array<int, 3>{1, 2, 10}));
  EXPECT_EQ(pads(10, 2, 4, 1), (std::array<int, 3>{0, 0, 3}));
  EXPECT_EQ(pads(10, 3, 2, 3), (std::array<int, 3>{2, 3, 5}));  // stride and dilation together
  EXPECT_EQ(pads(4, 9, 1, 1), (std::array<int, 3>{4, 4, 4}));
}

TEST(LayerConfig, OneDimensionLiesAlongTheWidth) {
  EXPECT_EQ(problem(of_class("SeparableConv1D",
                             {{"filters", 4}, {"kernel_size", 3}, {"strides", {2}}, {"activation", "relu"}}),
                    {4, 10, 12}),
            "f32_nhwc_i1x10x12.dw_k1x3_s1x2.conv_o4_k1x1.bias.relu");
  EXPECT_EQ(problem(of_class("DepthwiseConv1D",
                             {{"kernel_size", 3}, {"depth_multiplier", 2}, {"data_format", "Channels_First"}}),
                    {4, 12, 10}),
            "f32_nchw_i1x10x12.dw_k1x3_m2.bias");
}

TEST(LayerConfig, UnequalStridesAndDilations) {
  EXPECT_EQ(
      problem(of_class("DepthwiseConv2D",
                       {{"kernel_size", {3, 5}}, {"strides", {2, 1}}, {"dilation_rate", {1, 3}}, {"use_bias", 0}}),
              {1, 20, 30, 2}),
      "f32_nhwc_i20x30x2.dw_k3x5_s2x1_d1x3");
}

TEST(LayerConfig, StridedPointwiseNeedsNoPads) {
  EXPECT_EQ(
      problem(of_class("Conv2D",
                       {{"filters", 6}, {"kernel_size", 1}, {"strides", 2}, {"padding", "same"}, {"dilation_rate", 1}}),
              {1, 29, 29, 24}),
      "f32_nhwc_i29x29x24.conv_o6_k1x1_s2x2.bias");
}

TEST(LayerConfig, ConvolutionsOfAnyWindow) {
  EXPECT_EQ(
      problem(of_class("Conv1D", {{"filters", 6}, {"kernel_size", 2}, {"padding", "causal"}, {"dilation_rate", 4}}),
              {1, 29, 24}),
      "f32_nhwc_i1x29x24.conv_o6_k1x2_d1x4_p0x0x4x0.bias");
  EXPECT_EQ(problem(of_class("Conv2D", {{"filters", 6},
                                        {"kernel_size", {3, 1}},
                                        {"dilation_rate", {2, 3}},
                                        {"padding", "same"},
                                        {"data_format", "channels_first"},
                                        {"activation", "relu"}}),
                    {1, 3, 20, 30}),
            "f32_nchw_i20x30x3.conv_o6_k3x1_d2x1_p2x2x0x0.bias.relu")
      << "the dilation of one tap is nothing";
}

TEST(LayerConfig, CausalIsTfKerasSeparableConv1D) {
  const json layer =
      of_class("SeparableConv1D", {{"filters", 4}, {"kernel_size", 3}, {"dilation_rate", 4}, {"padding", "Causal"}});
  EXPECT_EQ(problem(layer, {1, 7, 2}, KerasRules::tf_keras_2),
            "f32_nhwc_i1x7x2.dw_k1x3_d1x4_p0x0x8x0.conv_o4_k1x1.bias");
  EXPECT_NE(refusal(layer).find("The `padding` argument must be a list/tuple or one of {'same', 'valid'}"),
            std::string::npos);
  EXPECT_NE(refusal(of_class("DepthwiseConv1D", {{"kernel_size", 3}, {"padding", "causal"}}), KerasRules::tf_keras_2)
                .find("Causal padding is only supported"),
            std::string::npos);
  EXPECT_EQ(refusal(of_class("Conv1D", {{"filters", 1}, {"kernel_size", 1}, {"padding", "causal"}})), "accepted");
}

TEST(LayerConfig, RefusesWhatKerasRefuses) {
  const auto expect = [](json more, const char* part, KerasRules rules = KerasRules::keras_3) {
    const std::string message = refusal(separable(more), rules);
    EXPECT_NE(message.find(part), std::string::npos) << more.dump() << " gave: " << message;
    EXPECT_NE(message.find("SeparableConv2D 'sep'"), std::string::npos) << message;
  };
  expect({{"filters", 0}}, "Received filters=0.");
  expect({{"filters", -3}}, "Received filters=-3.");
  expect({{"filters", 3.0}}, "Argument `filters`: expected an integer. Received: 3.0");
  expect({{"filters", "3"}}, "`filters`");
  expect({{"filters", nullptr}}, "`filters`");
  expect({{"filters", 1e12}}, "`filters`");
  expect({{"filters", 18446744073709551615u}}, "at most 2147483647");
  expect({{"depth_multiplier", 0}}, "Received depth_multiplier=0.");
  expect({{"kernel_size", 0}}, "that do not satisfy `value > 0`");
  expect({{"kernel_size", {3, 3, 3}}}, "must be a tuple of 2 integers");
  expect({{"kernel_size", 3.0}}, "Received kernel_size=3.0");
  expect({{"kernel_size", nullptr}}, "must be a tuple of 2 integers");
  expect({{"kernel_size", json::array()}}, "must be a tuple of 2 integers");
  expect({{"kernel_size", {99999999999, 1}}}, "integers up to 2147483647");
  expect({{"strides", {1, 0}}}, "`strides`");
  expect({{"strides", nullptr}}, "`strides`");
  expect({{"dilation_rate", -1}}, "`dilation_rate`");
  expect({{"padding", "full"}}, "Received: full");
  expect({{"padding", 2}}, "Received padding=2");
  expect({{"padding", nullptr}}, "Received padding=null");
  expect({{"data_format", "NHWC"}}, "`data_format`");
  expect({{"data_format", 1}}, "`data_format`");
  expect({{"activation", "foo"}}, "Could not interpret activation function identifier: foo");
  expect({{"activation", "ReLU"}}, "identifier: ReLU");
  expect({{"activation", "threshold"}}, "fails when called");
  expect({{"activation", 7}}, "identifier: 7");
  expect({{"activation", "celu"}}, "identifier: celu", KerasRules::tf_keras_2);
  expect({{"dtype", "int32"}}, "expected floating point type, got 'int32'");
  expect({{"dtype", 3}}, "`dtype`");
  EXPECT_NE(refusal(of_class("Dense", json::object())).find("class_name"), std::string::npos);
  EXPECT_NE(refusal(json{{"class_name", "Conv2D"}}).find("no `config` object"), std::string::npos);
  EXPECT_NE(refusal(json::array()).find("class_name"), std::string::npos);
}

TEST(LayerConfig, AcceptsWhatKerasAccepts) {
  EXPECT_EQ(refusal(separable({{"kernel_size", true}})), "accepted");
  EXPECT_EQ(refusal(separable({{"padding", "VaLiD"}, {"data_format", "Channels_Last"}})), "accepted");
  EXPECT_EQ(refusal(separable({{"some_newer_key", {1, 2}}})), "accepted");
  EXPECT_EQ(refusal(separable({{"filters", 3.7}}), KerasRules::tf_keras_2), "accepted");
  EXPECT_EQ(conv_layer_config(separable({{"filters", 3.7}}), KerasRules::tf_keras_2).filters, 3);
  EXPECT_FALSE(conv_layer_config(separable({{"use_bias", nullptr}})).use_bias);
}

TEST(LayerConfig, RefusesShapes) {
  const auto refused = [](std::vector<std::int64_t> shape, json more = json::object()) {
    EXPECT_THROW(problem(separable(more), shape), std::invalid_argument);
  };
  refused({10, 12, 4});
  refused({1, 1, 10, 12, 4});
  refused({1, 10, 12, kDynamic});
  refused({1, 10, 12, 0});
  refused({1, 2, 12, 4});  // shorter than the window
  refused({1, 10, 12, 4}, {{"dilation_rate", 6}});
  refused({1, -5, 12, 4});
  EXPECT_THROW(plan_layer_config(separable()), NotCompiledError);  // no shape at all
}

TEST(LayerConfig, AbsurdSizesAreNotCompiled) {
  // 2^62 channels times 4 is 2^64, which wraps to 0; 550432452903 * 1047287 times 32 once came out as 673 * 32.
  for (const std::int64_t channels : {std::int64_t{1} << 62, std::int64_t{550432452903} * 1047287})
    EXPECT_THROW(
        problem(of_class("DepthwiseConv2D", {{"kernel_size", 3}, {"depth_multiplier", 32}}), {1, 8, 8, channels}),
        NotCompiledError);
  EXPECT_THROW(problem(separable({{"padding", "same"}}), {1, 1 << 20, 1 << 20, 4}), NotCompiledError);
  EXPECT_THROW(problem(separable({{"filters", 2147483647}}), {1, 8, 8, 1 << 20}), NotCompiledError);
  EXPECT_THROW(problem(separable({{"depth_multiplier", 2147483647}}), {1, 8, 8, 1 << 20}), NotCompiledError);
  EXPECT_THROW(problem(separable({{"padding", "same"}, {"kernel_size", 2147483647}, {"dilation_rate", 2147483647}}),
                       {1, 8, 8, 4}),
               NotCompiledError);
}

TEST(LayerConfig, PlansEveryFloatingPointPolicy) {
  const auto why = [](json dtype) { return conv_layer_config(separable({{"dtype", std::move(dtype)}})).why_not; };
  EXPECT_EQ(why({{"class_name", "DTypePolicy"}, {"config", {{"name", "mixed_float16"}}}}), "");
  EXPECT_NE(why({{"class_name", "QuantizedDTypePolicy"}, {"config", {{"name", "int8_from_float32"}}}})
                .find("dtype policy int8_from_float32"),
            std::string::npos);
  EXPECT_NE(why("float8_e4m3fn").find("dtype policy float8_e4m3fn"), std::string::npos);
  const auto planned = [](json dtype) {
    return plan_layer_config(separable({{"dtype", std::move(dtype)}}), {1, 9, 9, 4}).problem.dtype;
  };
  EXPECT_EQ(planned("float32"), DataType::float32);
  EXPECT_EQ(planned("float64"), DataType::float64);
  EXPECT_EQ(planned("float16"), DataType::float16);
  EXPECT_EQ(planned("bfloat16"), DataType::bfloat16);
  EXPECT_EQ(planned({{"class_name", "DTypePolicy"}, {"config", {{"name", "mixed_float16"}}}}), DataType::float16);
  EXPECT_EQ(planned({{"class_name", "Policy"}, {"config", {{"name", "mixed_bfloat16"}}}}), DataType::bfloat16);
  EXPECT_EQ(planned(nullptr), DataType::float32);
}

std::string activation(const json& value, KerasRules rules = KerasRules::keras_3) {
  try {
    return to_text(activation_from_json(value, rules, "layer"));
  } catch (const NotCompiledError& error) {
    return error.what();
  }
}

TEST(ActivationConfig, Names) {
  for (const auto& [name, text] : std::vector<std::pair<const char*, const char*>>{{"linear", "linear"},
                                                                                   {"relu", "relu"},
                                                                                   {"relu6", "relu6"},
                                                                                   {"leaky_relu", "relu(0.2;inf;0)"},
                                                                                   {"hard_sigmoid", "hard_sigmoid"},
                                                                                   {"hard_silu", "hard_silu"},
                                                                                   {"hard_swish", "hard_silu"},
                                                                                   {"hard_tanh", "hard_tanh"},
                                                                                   {"softsign", "softsign"},
                                                                                   {"soft_shrink", "soft_shrink"},
                                                                                   {"hard_shrink", "hard_shrink"},
                                                                                   {"sparse_plus", "sparse_plus"},
                                                                                   {"sparse_sigmoid", "sparse_sigmoid"},
                                                                                   {"squareplus", "squareplus"},
                                                                                   {"elu", "elu"},
                                                                                   {"selu", "selu"},
                                                                                   {"celu", "celu"},
                                                                                   {"sigmoid", "sigmoid"},
                                                                                   {"tanh", "tanh"},
                                                                                   {"silu", "silu"},
                                                                                   {"swish", "silu"},
                                                                                   {"gelu", "gelu"},
                                                                                   {"softplus", "softplus"},
                                                                                   {"exponential", "exponential"},
                                                                                   {"mish", "mish"},
                                                                                   {"log_sigmoid", "log_sigmoid"},
                                                                                   {"tanh_shrink", "tanh_shrink"},
                                                                                   {"softmax", "softmax"},
                                                                                   {"log_softmax", "log_softmax"},
                                                                                   {"sparsemax", "sparsemax"},
                                                                                   {"glu", "glu"}})
    EXPECT_EQ(activation(name), text);
  EXPECT_EQ(activation(nullptr), "linear");
}

TEST(ActivationConfig, TfKerasDiffers) {
  EXPECT_EQ(activation("hard_sigmoid", KerasRules::tf_keras_2), "hard_sigmoid_keras2");
  EXPECT_EQ(activation("swish", KerasRules::tf_keras_2), "silu");
  EXPECT_EQ(activation("ELU", KerasRules::tf_keras_2), "elu");
  EXPECT_EQ(activation("Softmax", KerasRules::tf_keras_2), "softmax");
  EXPECT_EQ(activation("ThresholdedReLU", KerasRules::tf_keras_2), "relu(0;inf;1)");
  EXPECT_EQ(activation("PReLU", KerasRules::tf_keras_2),
            "activation 'PReLU' has weights of its own and is not compiled");
  for (const char* name : {"celu", "sparsemax", "glu", "log_sigmoid", "tanh_shrink", "hard_silu", "threshold"})
    EXPECT_THROW(activation(name, KerasRules::tf_keras_2), std::invalid_argument) << name;
  EXPECT_EQ(activation("ReLU", KerasRules::tf_keras_2), "relu");
  EXPECT_EQ(activation("LeakyReLU", KerasRules::tf_keras_2), "relu(0.3;inf;0)");
  EXPECT_THROW(activation("hard_tanh", KerasRules::tf_keras_2), std::invalid_argument);
}

TEST(ActivationConfig, Objects) {
  EXPECT_EQ(activation({{"class_name", "ReLU"},
                        {"config", {{"max_value", 4.0}, {"negative_slope", 0.1}, {"threshold", 0.5}}},
                        {"registered_name", nullptr}}),
            "relu(0.1;4;0.5)");
  EXPECT_EQ(activation({{"class_name", "ReLU"}, {"config", {{"max_value", nullptr}}}}), "relu");
  EXPECT_EQ(activation({{"class_name", "LeakyReLU"}, {"config", {{"negative_slope", 0.25}}}}), "relu(0.25;inf;0)");
  EXPECT_EQ(activation({{"class_name", "LeakyReLU"}, {"config", {{"alpha", 0.25}}}}, KerasRules::tf_keras_2),
            "relu(0.25;inf;0)");
  EXPECT_EQ(activation({{"class_name", "LeakyReLU"},
                        {"config", {{"alpha", {{"class_name", "__numpy__"}, {"config", {{"value", 0.5}}}}}}}},
                       KerasRules::tf_keras_2),
            "relu(0.5;inf;0)");
  EXPECT_EQ(activation({{"class_name", "function"}, {"config", "relu6"}}), "relu6");
  EXPECT_EQ(activation({{"class_name", "function"}, {"config", "mine"}}), "custom activation \"mine\" is not compiled");
  EXPECT_EQ(activation({{"class_name", "ELU"}, {"config", {{"alpha", 0.5}}}}), "elu(0.5)");
  const auto softmax = [](json axis, int rank) {
    return to_text(activation_from_json({{"class_name", "Softmax"}, {"config", {{"axis", std::move(axis)}}}},
                                        KerasRules::keras_3, "layer", rank));
  };
  EXPECT_EQ(softmax(-1, 4), "softmax");
  EXPECT_EQ(softmax(-2, 4), "softmax(-2)");
  EXPECT_EQ(softmax(3, 4), "softmax");
  EXPECT_EQ(softmax(1, 4), "softmax(-3)");
  EXPECT_EQ(softmax(json::array({2}), 3), "softmax");
  EXPECT_THROW(softmax(0, 4), NotCompiledError);
  EXPECT_THROW(softmax(-4, 4), NotCompiledError);
  EXPECT_THROW(softmax(1, 0), NotCompiledError);
  EXPECT_THROW(softmax({1, 2}, 4), NotCompiledError);
  EXPECT_THROW(softmax(4, 4), std::invalid_argument);
  EXPECT_THROW(softmax("x", 4), std::invalid_argument);
  EXPECT_EQ(activation({{"class_name", "ReLU"}, {"config", json::object()}, {"registered_name", "pkg>ReLU"}}),
            "activation object of class \"ReLU\" is not compiled");
  for (const json& lambda : {json{{"value", {"4wEA", nullptr, nullptr}}},
                             json{{"class_name", "__lambda__"}, {"config", {{"value", {"4wEA", nullptr, nullptr}}}}}})
    EXPECT_EQ(activation(lambda), "a lambda as activation is not compiled");
  EXPECT_THROW(activation({{"class_name", "ReLU"}, {"config", {{"max_value", -1.0}}}}), std::invalid_argument);
  EXPECT_THROW(activation({{"class_name", "ReLU"}, {"config", {{"max_value", "six"}}}}), std::invalid_argument);
  EXPECT_THROW(activation({{"nothing", 1}}), std::invalid_argument);
}

TEST(ConvWeights, AreTakenInKerasOrderAndShapes) {
  const LayerConfig config = conv_layer_config(separable({{"depth_multiplier", 2}}));
  const std::vector<KerasArray> arrays{array({3, 3, 4, 2}, 1), array({1, 1, 8, 5}, 2), array({5}, 3)};
  const ConvWeights weights = conv_weights(config, 4, arrays);
  EXPECT_EQ(weights.arrays[0], WeightArray(arrays[0].values));
  EXPECT_EQ(weights.arrays[1], WeightArray(arrays[1].values));
  EXPECT_EQ(weights.arrays[2], WeightArray(arrays[2].values));
  EXPECT_NO_THROW(validate(weights, conv_problem(config, {1, 9, 9, 4})));
  EXPECT_THROW(conv_weights(config, 4, {arrays[0], arrays[1]}), std::invalid_argument);
  EXPECT_THROW(conv_weights(config, 4, {arrays[1], arrays[0], arrays[2]}), std::invalid_argument);
  EXPECT_THROW(conv_weights(config, 3, arrays), std::invalid_argument);
  std::vector<KerasArray> short_of_values = arrays;
  short_of_values[2].values.pop_back();
  EXPECT_THROW(conv_weights(config, 4, short_of_values), std::invalid_argument);
}

TEST(ConvWeights, ShapesOfEachKind) {
  const auto shapes = [](const json& layer) {
    std::string text;
    for (const KerasWeight& weight : conv_weight_shapes(conv_layer_config(layer), 6)) {
      text += weight.name;
      for (const std::int64_t extent : weight.shape) text += " " + std::to_string(extent);
      text += "; ";
    }
    return text;
  };
  EXPECT_EQ(shapes(of_class("SeparableConv1D", {{"filters", 5}, {"kernel_size", 3}})),
            "depthwise_kernel 3 6 1; pointwise_kernel 1 6 5; bias 5; ");
  EXPECT_EQ(shapes(of_class("DepthwiseConv1D", {{"kernel_size", 3}, {"depth_multiplier", 2}})),
            "depthwise_kernel 3 6 2; bias 12; ");
  EXPECT_EQ(shapes(of_class("DepthwiseConv2D", {{"kernel_size", {3, 2}}, {"use_bias", false}})),
            "depthwise_kernel 3 2 6 1; ");
  EXPECT_EQ(shapes(of_class("Conv2D", {{"filters", 4}, {"kernel_size", 1}, {"groups", 2}})),
            "kernel 1 1 3 4; bias 4; ");
  EXPECT_EQ(shapes(of_class("Conv1D", {{"filters", 12}, {"kernel_size", 3}, {"groups", 6}})),
            "kernel 3 1 12; bias 12; ");
}

TEST(LayerConfig, GroupsOfOneChannelAreADepthwiseLayer) {
  const auto grouped = [](const char* class_name, int groups, int filters, json more = json::object()) {
    json config{{"filters", filters}, {"kernel_size", 3}, {"groups", groups}};
    config.update(more);
    return of_class(class_name, config);
  };
  EXPECT_EQ(
      problem(grouped("Conv2D", 4, 8, {{"strides", 2}, {"padding", "same"}, {"activation", "gelu"}}), {1, 9, 9, 4}),
      problem(of_class("DepthwiseConv2D", {{"depth_multiplier", 2},
                                           {"kernel_size", 3},
                                           {"strides", 2},
                                           {"padding", "same"},
                                           {"activation", "gelu"}}),
              {1, 9, 9, 4}));
  EXPECT_EQ(
      problem(grouped("Conv1D", 4, 4, {{"padding", "causal"}, {"dilation_rate", 2}, {"use_bias", false}}), {1, 20, 4}),
      "f32_nhwc_i1x20x4.dw_k1x3_d1x2_p0x0x4x0");
  EXPECT_EQ(problem(grouped("Conv2D", 4, 4, {{"data_format", "channels_first"}}), {1, 4, 7, 8}),
            "f32_nchw_i7x8x4.dw_k3x3.bias");
  EXPECT_THROW(problem(grouped("Conv2D", 2, 4), {1, 9, 9, 4}), NotCompiledError);
  EXPECT_THROW(problem(grouped("Conv2D", 3, 6), {1, 9, 9, 4}), std::invalid_argument);
  EXPECT_THROW(conv_layer_config(grouped("Conv2D", 4, 6)), std::invalid_argument);
  EXPECT_THROW(conv_layer_config(grouped("Conv2D", 0, 4)), std::invalid_argument);
}

TEST(KerasRulesText, Versions) {
  EXPECT_EQ(keras_rules_from_text("tf_keras2"), KerasRules::tf_keras_2);
  EXPECT_EQ(keras_rules_from_text("2.15.0"), KerasRules::tf_keras_2);
  EXPECT_EQ(keras_rules_from_text("3.15.1"), KerasRules::keras_3);
  EXPECT_THROW(keras_rules_from_text("1.2"), std::invalid_argument);
  EXPECT_THROW(keras_rules_from_text(""), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::keras::test
