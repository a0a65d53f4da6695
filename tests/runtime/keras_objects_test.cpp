// Initializers, regularizers, constraints and dtype policies by name, and what a layer does with them.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "sepconv/layers.h"
#include "tests/runtime/message_of.h"

namespace sepconv::test {
namespace {

bool begins(const std::string& text, const std::string& beginning) {
  return text.compare(0, beginning.size(), beginning) == 0;
}

std::vector<std::vector<double>> values_of(const KerasConvLayer& layer) {
  std::vector<std::vector<double>> values;
  for (const Tensor& weight : layer.get_weights()) values.push_back(to_doubles(weight));
  return values;
}

TEST(InitializerNames, KerasNamesAndAliases) {
  using Kind = Initializer::Kind;
  const std::pair<const char*, Kind> names[] = {
      {"zeros", Kind::zeros},
      {"zero", Kind::zeros},
      {"Ones", Kind::ones},
      {"one", Kind::ones},
      {"normal", Kind::random_normal},
      {"RandomNormal", Kind::random_normal},
      {"uniform", Kind::random_uniform},
      {"truncated_normal", Kind::truncated_normal},
      {"HeNormal", Kind::he_normal},
      {"lecun_uniform", Kind::lecun_uniform},
      {"constant", Kind::constant},
      {"VarianceScaling", Kind::variance_scaling},
      {"orthogonal", Kind::orthogonal},
      {"glorot_normal", Kind::glorot_normal},
  };
  for (const auto& [name, kind] : names) EXPECT_EQ(Initializer(name).kind, kind) << name;
  EXPECT_EQ(class_name(Initializer("he_uniform")), "HeUniform");
  for (const char* name : {"Glorot_Uniform", "he", "", "GLOROT_UNIFORM"})
    EXPECT_TRUE(begins(message_of([&] { Initializer{name}; }), "Could not interpret initializer identifier: ")) << name;
}

TEST(Initializers, ConstantsAndFans) {
  EXPECT_EQ(initial_values("zeros", {2, 2}, 0), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(initial_values("ones", {2}, 0), (std::vector<double>{1, 1}));
  Initializer constant("constant");
  constant.value = -2.5;
  EXPECT_EQ(initial_values(constant, {3}, 0), (std::vector<double>(3, -2.5)));
  EXPECT_EQ(initial_values("identity", {2, 3}, 0), (std::vector<double>{1, 0, 0, 0, 1, 0}));
  EXPECT_EQ(message_of([] {
              initial_values("identity", {3, 3, 3, 1}, 0);
            }),
            "Identity matrix initializer can only be used for 2D matrices. Received: shape=(3, 3, 3, 1) of rank 4.");
  EXPECT_TRUE(begins(message_of([] { initial_values("orthogonal", {3}, 0); }),
                     "The tensor to initialize must be at least two-dimensional."));
  EXPECT_EQ(fans_of({3, 5, 16, 2}).in, 240);
  EXPECT_EQ(fans_of({3, 5, 16, 2}).out, 30);
  EXPECT_EQ(fans_of({7}).in, 7);
  EXPECT_EQ(fans_of({7}).out, 7);
  Initializer scaling("variance_scaling");
  scaling.scale = 0;
  EXPECT_NE(message_of([&] { initial_values(scaling, {3, 3}, 0); }).find("`scale`"), std::string::npos);
}

// The streams are part of what a seed means: these numbers hold on every platform.
TEST(Initializers, SeedsGiveTheSameNumbersEverywhere) {
  Initializer uniform("glorot_uniform");
  EXPECT_EQ(initial_values(uniform, {2, 3}, 5), initial_values(uniform, {2, 3}, 5));
  EXPECT_NE(initial_values(uniform, {2, 3}, 5), initial_values(uniform, {2, 3}, 6));
  uniform.seed = 5;
  EXPECT_EQ(initial_values(uniform, {2, 3}, 6), initial_values("glorot_uniform", {2, 3}, 5));
  // Limit 1: what SplitMix64 of that seed gives.
  Initializer unit("random_uniform");
  unit.minval = 0, unit.maxval = 1;
  EXPECT_EQ(initial_values(unit, {2}, 0),
            (std::vector<double>{static_cast<double>(0xe220a8397b1dcdafu >> 11) * 0x1p-53,
                                 static_cast<double>(0x6e789e6aa1b965f4u >> 11) * 0x1p-53}));
}

// As computed by this code at -O0 and -O3: no compiler's or C library's last bit is in them.
TEST(Initializers, NormalsAreTheSameEverywhereToTheLastBit) {
  Initializer normal("random_normal");
  normal.stddev = 1;
  EXPECT_EQ(initial_values(normal, {4}, 0), (std::vector<double>{-0x1.95fbb374f2c4ep-2, 0x1.3ea7e9cc92144p-2,
                                                                 0x1.980d862ca5d7ep-1, -0x1.159a9f827a7a8p-3}));
  EXPECT_EQ(initial_values("he_normal", {2, 2}, 7), (std::vector<double>{-0x1.37a9242c85d1ap-4, 0x1.68d1cd3bba99ap-1,
                                                                         0x1.fc10a0fdc0d85p+0, 0x1.8438dc9249129p-1}));
}

TEST(Initializers, NormalHasTheMomentsAndTailsOfANormal) {
  Initializer normal("random_normal");
  normal.mean = 0, normal.stddev = 1;
  const std::vector<double> values = initial_values(normal, {400000}, 3);
  double moments[5] = {};
  int beyond[4] = {};
  for (const double z : values) {
    for (int k = 1; k < 5; ++k) moments[k] += std::pow(z, k) / values.size();
    for (int k = 1; k < 4; ++k) beyond[k] += std::abs(z) > k;
  }
  EXPECT_NEAR(moments[1], 0, 0.008);
  EXPECT_NEAR(moments[2], 1, 0.01);
  EXPECT_NEAR(moments[3], 0, 0.025);
  EXPECT_NEAR(moments[4], 3, 0.08);
  EXPECT_NEAR(beyond[1] / 400000.0, 0.3173105, 0.004);
  EXPECT_NEAR(beyond[2] / 400000.0, 0.0455003, 0.0017);
  EXPECT_NEAR(beyond[3] / 400000.0, 0.0026998, 0.0004);
}

TEST(Initializers, OrthogonalColumnsOrRows) {
  Initializer orthogonal("orthogonal");
  orthogonal.gain = 2;
  for (const Shape& shape : {Shape{3, 3, 2, 5}, Shape{1, 1, 4, 9}, Shape{6, 6}}) {
    const std::vector<double> w = initial_values(orthogonal, shape, 1);
    const auto columns = static_cast<std::size_t>(shape.back());
    const std::size_t rows = w.size() / columns;
    const bool tall = rows >= columns;
    for (std::size_t a = 0; a < std::min(rows, columns); ++a)
      for (std::size_t b = 0; b <= a; ++b) {
        double dot = 0;
        for (std::size_t i = 0; i < std::max(rows, columns); ++i)
          dot += tall ? w[i * columns + a] * w[i * columns + b] : w[a * columns + i] * w[b * columns + i];
        EXPECT_NEAR(dot, a == b ? 4.0 : 0.0, 1e-13) << to_text(shape);
      }
  }
}

TEST(RegularizerNames, OfBothKeras) {
  const auto k2 = KerasRules::tf_keras_2;
  EXPECT_EQ(Regularizer::from_name("l1").l1, 0.01);
  EXPECT_EQ(Regularizer::from_name("L2").l2, 0.01);
  EXPECT_EQ(Regularizer::from_name("l1l2").l1, 0);
  EXPECT_EQ(Regularizer::from_name("l1_l2", k2).l1, 0.01);
  EXPECT_EQ(Regularizer::from_name("l1_l2", k2).l2, 0.01);
  EXPECT_EQ(class_name(Regularizer::from_name("orthogonal_regularizer")), "OrthogonalRegularizer");
  EXPECT_TRUE(
      begins(message_of([] { Regularizer::from_name("l1_l2"); }), "Could not interpret regularizer identifier: l1_l2"));
  EXPECT_TRUE(begins(message_of([] { Regularizer::from_name("foo"); }), "Could not interpret regularizer identifier"));
}

TEST(Penalty, OrthogonalNeedsAMatrix) {
  Regularizer regularizer(Regularizer::Kind::orthogonal);
  regularizer.factor = 0.5;
  // Rows (1, 0), (3, 4), (0, 2): cosines 0.6, 0, 0.8.
  const Tensor rows = make_tensor({1, 0, 3, 4, 0, 2}, {3, 2});
  EXPECT_NEAR(penalty(regularizer, rows), 0.5 * 0.5 * 2 * (0.6 + 0 + 0.8) / 3, 1e-12);
  EXPECT_EQ(message_of([&] {
              penalty(regularizer, Tensor({3, 12, 1}));
            }),
            "Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape=(3, 12, 1)");
}

TEST(ConstraintNames, OfBothKeras) {
  const auto k2 = KerasRules::tf_keras_2;
  EXPECT_EQ(Constraint::from_name("max_norm").max_value, 2);
  EXPECT_EQ(Constraint::from_name("MinMaxNorm").max_value, 1);
  EXPECT_EQ(Constraint::from_name("unitnorm", k2).kind, Constraint::Kind::unit_norm);
  EXPECT_EQ(class_name(Constraint::from_name("radial_constraint", k2)), "RadialConstraint");
  for (const char* name : {"maxnorm", "radial_constraint", "foo"})
    EXPECT_TRUE(begins(message_of([&] { Constraint::from_name(name); }), "Could not interpret constraint identifier"));
  Constraint wrong(Constraint::Kind::unit_norm);
  wrong.axes = {2};
  EXPECT_NE(message_of([&] {
              constrained(wrong, {1, 2}, {2, 1});
            }).find("`axis`: 2 is out of bounds"),
            std::string::npos);
  wrong.axes = {-2};
  EXPECT_NEAR(constrained(wrong, {3, 4}, {2, 1})[1], 0.8, 1e-7);
}

// As tf.keras computes it: for a 4 x 4 window its documentation shows the two rings the other way round.
TEST(Constraints, RadialTakesOneValueForARing) {
  std::vector<double> window(16);
  for (int i = 0; i < 16; ++i) window[i] = i / 4 * 10 + i % 4;
  const Constraint radial(Constraint::Kind::radial);
  EXPECT_EQ(constrained(radial, window, {4, 4, 1, 1}),
            (std::vector<double>{33, 33, 33, 33, 33, 11, 11, 33, 33, 11, 11, 33, 33, 33, 33, 33}));
  EXPECT_EQ(constrained(radial, {0, 1, 2, 3, 4, 5, 6, 7, 8}, {3, 3, 1, 1}),
            (std::vector<double>{4, 4, 4, 4, 0, 4, 4, 4, 4}));
  EXPECT_THROW(constrained(radial, {1, 2, 3}, {3, 1, 1}), std::invalid_argument);
}

TEST(DTypes, PoliciesOfVariablesAndArithmetic) {
  const DTypePolicy mixed("mixed_bfloat16");
  EXPECT_EQ(mixed.variable_dtype(), DataType::float32);
  EXPECT_EQ(mixed.compute_dtype(), DataType::bfloat16);
  DepthwiseConv1D layer({.kernel_size = 3, .bias_initializer = "normal", .dtype = "float16"});
  layer.build({9, 4});
  const std::vector<Tensor> weights = layer.get_weights();
  EXPECT_EQ(weights[0].dtype(), DataType::float16);
  EXPECT_EQ(layer.layer_for({9, 4}).problem().dtype, DataType::float16);
  EXPECT_EQ(layer(Tensor({0, 9, 4}, DataType::float64)).dtype(), DataType::float16);
  DepthwiseConv1D doubles({.kernel_size = 1, .use_bias = false, .dtype = "float64"});
  doubles.build({9, 1});
  doubles.set_weights({make_tensor({0.1}, {1, 1, 1}, DataType::float64)});
  EXPECT_EQ(values_of(doubles)[0][0], 0.1);
  DepthwiseConv1D singles({.kernel_size = 1, .use_bias = false});
  singles.build({9, 1});
  singles.set_weights({make_tensor({0.1}, {1, 1, 1}, DataType::float64)});
  EXPECT_EQ(values_of(singles)[0][0], 0.1f);
}

// Keras makes these layers, and fails when it builds them.
TEST(Build, RefusesWhatKerasRefusesThere) {
  const auto error_of = [](const DepthwiseConvArgs& args, const Shape& shape) {
    DepthwiseConv1D layer(args);
    return message_of([&] { layer.build(shape); });
  };
  EXPECT_NE(error_of({.kernel_size = 3, .dtype = "int32"}, {9, 4}).find("`dtype`"), std::string::npos);
  EXPECT_NE(error_of({.kernel_size = 3, .dtype = "uint8"}, {9, 4}).find("`dtype`"), std::string::npos);
  EXPECT_NE(error_of({.kernel_size = 3, .activation = "threshold"}, {9, 4}).find("threshold() missing"),
            std::string::npos);
  EXPECT_NE(error_of({.kernel_size = 3, .depth_multiplier = -1, .rules = KerasRules::tf_keras_2}, {9, 4})
                .find("`depth_multiplier`"),
            std::string::npos);
  EXPECT_NE(error_of({.kernel_size = 3, .depthwise_initializer = "identity"}, {9, 4}).find("Identity matrix"),
            std::string::npos);
  EXPECT_NE(error_of({.kernel_size = 12, .rules = KerasRules::tf_keras_2}, {10, 4}).find("would be negative"),
            std::string::npos);
  EXPECT_EQ(error_of({.kernel_size = 11, .rules = KerasRules::tf_keras_2}, {10, 4}), "no error");
}

TEST(Calls, InputsOfOtherTypes) {
  DepthwiseConv1D layer({.kernel_size = 3, .name = "layer"});
  EXPECT_NE(message_of([&] {
              layer(Tensor({1, 9, 4}, DataType::int32));
            }).find("dtype: int32 is not in the list"),
            std::string::npos);
  EXPECT_FALSE(layer.built());
  DepthwiseConv1D strict({.kernel_size = 3, .autocast = false});
  EXPECT_NE(message_of([&] { strict(Tensor({1, 9, 4}, DataType::float64)); }).find("autocast"), std::string::npos);
  DepthwiseConv1D empty({.kernel_size = 11, .rules = KerasRules::tf_keras_2});
  EXPECT_EQ(empty(Tensor({4, 10, 12})).shape(), (Shape{4, 0, 12}));
}

TEST(Glu, HalvesTheLastAxis) {
  SeparableConv1D last({.filters = 4, .kernel_size = 3, .activation = "glu"});
  EXPECT_EQ(last.output_shape({10, 12}), (Shape{8, 2}));
  SeparableConv2D first({.filters = 3, .kernel_size = 3, .data_format = "channels_first", .activation = "glu"});
  EXPECT_EQ(first.output_shape({5, 10, 10}), (Shape{3, 8, 4}));
  EXPECT_EQ(first.output_shape({5, 10, kDynamic}), (Shape{3, 8, kDynamic}));
  EXPECT_NE(message_of([&] {
              first.output_shape({5, 10, 9});
            }).find("axis size must be divisible by 2"),
            std::string::npos);
  SeparableConv1D odd({.filters = 3, .kernel_size = 3, .activation = "glu"});
  EXPECT_NE(message_of([&] { odd(Tensor({4, 10, 12})); }).find("axis size must be divisible by 2"), std::string::npos);
}

TEST(Activations, DependOnTheRules) {
  const auto kind_of = [](const char* name, KerasRules rules) {
    return DepthwiseConv1D({.kernel_size = 3, .activation = name, .rules = rules}).config().activation;
  };
  EXPECT_EQ(kind_of("hard_sigmoid", KerasRules::keras_3).kind, ActivationKind::hard_sigmoid);
  EXPECT_EQ(kind_of("hard_sigmoid", KerasRules::tf_keras_2).kind, ActivationKind::hard_sigmoid_keras2);
  EXPECT_EQ(kind_of("ReLU", KerasRules::tf_keras_2).kind, ActivationKind::relu);
  EXPECT_EQ(kind_of("LeakyReLU", KerasRules::tf_keras_2).negative_slope, 0.3);
  EXPECT_EQ(kind_of("leaky_relu", KerasRules::tf_keras_2).negative_slope, 0.2);
  EXPECT_EQ(kind_of("swish", KerasRules::keras_3).kind, ActivationKind::silu);
  const DepthwiseConv1D parameters({.kernel_size = 3, .activation = "elu(0.5)"});
  EXPECT_TRUE(parameters.config().activation_argument.name().empty());
  EXPECT_EQ(parameters.config().activation_argument.function()->alpha, 0.5);
}

TEST(Config, KeepsEveryArgument) {
  const SeparableConv2D layer({.filters = 5,
                               .kernel_size = {3, 2},
                               .strides = 2,
                               .padding = "Same",
                               .data_format = "channels_first",
                               .dilation_rate = {1, 4},
                               .depth_multiplier = 3,
                               .activation = "tanh",
                               .use_bias = false,
                               .depthwise_initializer = "HeNormal",
                               .pointwise_initializer = std::nullopt,
                               .pointwise_regularizer = "l2",
                               .bias_constraint = Constraint::Kind::non_neg,
                               .name = "own",
                               .dtype = "mixed_float16",
                               .trainable = false,
                               .strict_float = true});
  const LayerConfig& config = layer.config();
  EXPECT_EQ(config.class_name, "SeparableConv2D");
  EXPECT_EQ(config.kernel_size(), (std::vector<int>{3, 2}));
  EXPECT_EQ(config.strides(), (std::vector<int>{2, 2}));
  EXPECT_EQ(config.dilation_rate(), (std::vector<int>{1, 4}));
  EXPECT_EQ(config.padding, Padding::same);
  EXPECT_STREQ(config.data_format(), "channels_first");
  EXPECT_EQ(config.activation_argument.name(), "tanh");
  EXPECT_EQ(class_name(*config.depthwise_initializer), "HeNormal");
  EXPECT_FALSE(config.pointwise_initializer);
  EXPECT_EQ(class_name(*config.bias_initializer), "Zeros");
  EXPECT_EQ(config.pointwise_regularizer.l2, 0.01);
  EXPECT_EQ(class_name(config.bias_constraint), "NonNeg");
  EXPECT_EQ(config.dtype.name(), "mixed_float16");
  EXPECT_TRUE(config.strict_float);
  const KerasConvLayer copy = make_layer(config);
  EXPECT_EQ(copy.output_shape({4, 9, 9}), layer.output_shape({4, 9, 9}));
  LayerConfig wrong = config;
  wrong.class_name = "SeparableConv1D";
  EXPECT_THROW(make_layer(wrong), std::invalid_argument);
  wrong = config;
  wrong.filters = 0;
  EXPECT_THROW(make_layer(wrong), std::invalid_argument);
}

TEST(Config, GlobalDataFormat) {
  EXPECT_EQ(image_data_format(), "channels_last");
  set_image_data_format("Channels_First");
  EXPECT_EQ(image_data_format(), "channels_first");
  EXPECT_EQ(DepthwiseConv1D({.kernel_size = 3}).output_shape({4, 9}), (Shape{4, 7}));
  EXPECT_EQ(DepthwiseConv1D({.kernel_size = 3, .data_format = "channels_last"}).output_shape({9, 4}), (Shape{7, 4}));
  set_image_data_format("channels_last");
  EXPECT_THROW(set_image_data_format("nhwc"), std::invalid_argument);
}

TEST(Weights, NoneIsGlorotUniformForTheBiasToo) {
  SeparableConv1D layer({.filters = 100, .kernel_size = 3, .bias_initializer = std::nullopt});
  layer.build({9, 4});
  double largest = 0;
  const std::vector<double> bias = values_of(layer)[2];
  for (const double b : bias) largest = std::max(largest, std::abs(b));
  EXPECT_GT(largest, 0.9 * std::sqrt(3.0 / 100));
  EXPECT_LE(largest, std::sqrt(3.0 / 100));
}

TEST(Weights, InitialWeightsOfTfKeras) {
  const std::vector<Tensor> weights = {make_tensor({1, 2, 3}, {3, 1, 1}), make_tensor({4}, {1})};
  DepthwiseConv1D layer({.kernel_size = 3,
                         .input_shape = Shape{9, 1},
                         .batch_size = 2,
                         .weights = weights,
                         .rules = KerasRules::tf_keras_2});
  EXPECT_FALSE(layer.built());
  layer.build();
  EXPECT_EQ(layer.build_shape(), (Shape{9, 1}));
  EXPECT_EQ(values_of(layer), (std::vector<std::vector<double>>{{1, 2, 3}, {4}}));
  EXPECT_EQ(layer.weight_names(), (std::vector<std::string>{"depthwise_kernel", "bias"}));
  DepthwiseConv1D wrong({.kernel_size = 2, .weights = weights, .rules = KerasRules::tf_keras_2});
  EXPECT_THROW(wrong.build({9, 1}), std::invalid_argument);
  EXPECT_FALSE(wrong.built());
  EXPECT_THROW(wrong.build(), std::invalid_argument);
}

TEST(Weights, TrainableOrNot) {
  DepthwiseConv1D layer({.kernel_size = 3, .depthwise_regularizer = "l2", .depthwise_constraint = "non_neg"});
  EXPECT_EQ(layer.weight_names(), (std::vector<std::string>{"kernel", "bias"}));
  EXPECT_TRUE(layer.losses().empty());
  layer.build({9, 1});
  layer.set_weights({make_tensor({-3, 4, 0}, {3, 1, 1}), make_tensor({-7}, {1})});
  EXPECT_EQ(layer.count_params(), 4);
  EXPECT_EQ(layer.trainable_weights().size(), 2u);
  EXPECT_EQ(layer.losses(), (std::vector<double>{0.25}));
  layer.set_trainable(false);
  EXPECT_EQ(layer.trainable_weights().size(), 0u);
  EXPECT_EQ(layer.non_trainable_weights().size(), 2u);
  EXPECT_TRUE(layer.losses().empty());
  layer.apply_constraints();
  EXPECT_EQ(values_of(layer)[0], (std::vector<double>{-3, 4, 0}));
  layer.set_trainable(true);
  layer.apply_constraints();
  EXPECT_EQ(values_of(layer), (std::vector<std::vector<double>>{{0, 4, 0}, {-7}}));
  DepthwiseConv1D bad({.kernel_size = 3, .depthwise_regularizer = "orthogonal_regularizer"});
  bad.build({9, 12});
  EXPECT_EQ(message_of([&] { static_cast<void>(bad.losses()); }),
            "Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape=(3, 12, 1)");
}

}  // namespace
}  // namespace sepconv::test
