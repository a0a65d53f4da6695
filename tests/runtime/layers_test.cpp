// The Keras layers: shapes, weights, runs on several sizes.

#include "sepconv/layers.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "sepconv/executor.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/message_of.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

std::vector<std::vector<double>> values_of(const KerasConvLayer& layer) {
  std::vector<std::vector<double>> values;
  for (const Tensor& weight : layer.get_weights()) values.push_back(to_doubles(weight));
  return values;
}

TEST(Build, ErrorsInKerasWords) {
  EXPECT_EQ(
      message_of([] {
        SeparableConv1D({.filters = 64, .kernel_size = 11, .strides = 5}).build({10, 12});
      }),
      "Computed output size would be zero or negative. Received `inputs shape=(None, 10, 12)`, `kernel shape=(11, "
      "12, 64)`, `dilation_rate=(1,)`, `strides=(5,)`, `padding=valid`.");
  EXPECT_NE(message_of([] {
              DepthwiseConv1D({.kernel_size = 4, .dilation_rate = 4}).build({10, 12});
            }).find("zero or negative"),
            std::string::npos);
  EXPECT_EQ(message_of([] {
              DepthwiseConv2D({.kernel_size = 3}).build({10, 10, kDynamic});
            }),
            "The channel dimension of the inputs should be defined. The input_shape received is (None, 10, 10, None), "
            "where axis -1 (0-based) is the channel dimension, which found to be `None`.");
  EXPECT_EQ(message_of([] { SeparableConv1D({.filters = 3, .kernel_size = 3, .name = "layer"}).build({10}); }),
            "Input 0 of layer 'layer' is incompatible with the layer: expected min_ndim=3, found ndim=2. Full shape "
            "received: "
            "(None, 10)");
  EXPECT_NE(message_of([] {
              DepthwiseConv2D({.kernel_size = 3}).build({2, 10, 10, 3});
            }).find("should have rank 4"),
            std::string::npos);
  EXPECT_NE(message_of([] { DepthwiseConv2D({.kernel_size = 3}).build({10, -3, 3}); }).find("-3"), std::string::npos);
  EXPECT_NE(message_of([] {
              DepthwiseConv2D({.kernel_size = 3, .depth_multiplier = 1 << 20}).build({5, 5, 1 << 20});
            }).find("2^31"),
            std::string::npos);
  SeparableConv1D layer({.filters = 3, .kernel_size = 3, .name = "layer"});
  layer.build({10, 12});
  EXPECT_NO_THROW(layer.build({20, 12}));
  EXPECT_EQ(
      message_of([&] {
        layer.build({10, 5});
      }),
      "Input 0 of layer 'layer' is incompatible with the layer: expected axis -1 of input shape to have value 12, "
      "but received input with shape (None, 10, 5)");
}

TEST(Weights, ShapesAndInitializers) {
  SeparableConv2D conv({.filters = 40, .kernel_size = {3, 5}, .depth_multiplier = 2, .seed = 7});
  EXPECT_THROW(conv.get_weights(), std::invalid_argument);
  conv.build({20, 20, 16});
  EXPECT_EQ(conv.weight_shapes(), (std::vector<Shape>{{3, 5, 16, 2}, {1, 1, 32, 40}, {40}}));
  const auto weights = conv.get_weights();
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_EQ(to_doubles(weights[2]), std::vector<double>(40, 0.0));
  const double limits[] = {std::sqrt(6.0 / (15 * 16 + 15 * 2)), std::sqrt(6.0 / (32 + 40))};
  for (int i = 0; i < 2; ++i) {
    double sum = 0, squares = 0, largest = 0;
    for (const double w : to_doubles(weights[i])) sum += w, squares += w * w, largest = std::max(largest, std::abs(w));
    const double n = weights[i].elements();
    EXPECT_LE(largest, limits[i]);
    EXPECT_GT(largest, 0.97 * limits[i]);
    EXPECT_NEAR(sum / n, 0, 0.15 * limits[i]);
    EXPECT_NEAR(squares / n, limits[i] * limits[i] / 3, 0.2 * limits[i] * limits[i] / 3);
  }
  SeparableConv2D same({.filters = 40, .kernel_size = {3, 5}, .depth_multiplier = 2, .seed = 7});
  SeparableConv2D other({.filters = 40, .kernel_size = {3, 5}, .depth_multiplier = 2, .seed = 8});
  same.build({kDynamic, kDynamic, 16});
  other.build({20, 20, 16});
  EXPECT_EQ(values_of(same), values_of(conv));
  EXPECT_NE(values_of(other), values_of(conv));
  DepthwiseConv1D zeros({.kernel_size = 3, .use_bias = false, .depthwise_initializer = "zeros"});
  zeros.build({9, 4});
  EXPECT_EQ(values_of(zeros), (std::vector<std::vector<double>>{std::vector<double>(12, 0.0)}));
  EXPECT_EQ(zeros.weight_shapes(), (std::vector<Shape>{{3, 4, 1}}));
}

TEST(Weights, SetChecksCountAndSizes) {
  SeparableConv1D conv({.filters = 2, .kernel_size = 3, .name = "sc"});
  EXPECT_THROW(conv.set_weights(std::vector<Tensor>()), std::invalid_argument);
  conv.build({9, 4});
  EXPECT_EQ(
      message_of([&] { conv.set_weights(std::vector<std::vector<float>>(2)); }),
      "You called `set_weights(weights)` on layer 'sc' with a weight list of length 2, but the layer was expecting 3 "
      "weights.");
  EXPECT_NE(message_of([&] {
              conv.set_weights(std::vector<std::vector<float>>{std::vector<float>(12), std::vector<float>(7), {0, 0}});
            }).find("(1, 4, 2)"),
            std::string::npos);
  const std::vector<std::vector<float>> weights = {integer_values(12, 1), integer_values(8, 2), {1, 2}};
  conv.set_weights(weights);
  const std::vector<std::vector<double>> stored = values_of(conv);
  for (std::size_t i = 0; i < weights.size(); ++i)
    EXPECT_EQ(stored[i], std::vector<double>(weights[i].begin(), weights[i].end()));
  EXPECT_EQ(message_of([&] {
              conv.set_weights({Tensor({3, 4, 1}), Tensor({4, 2}), Tensor({2})});
            }),
            "Layer 'sc' weight shape (1, 4, 2) is not compatible with provided weight 1 of shape (4, 2).");
  EXPECT_EQ(values_of(conv), stored);
}

/// Registers a dynamic kernel for a layer's problems, then compares runs of several sizes with the definition.
void expect_runs(KerasConvLayer& layer, const std::vector<Shape>& shapes, bool channels_last,
                 const std::string& symbol) {
  layer.build(shapes[0]);
  const auto sizes = layer.weight_shapes();
  std::vector<std::vector<float>> weights;
  for (const Shape& shape : sizes) {
    std::size_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    weights.push_back(integer_values(count, static_cast<int>(weights.size())));
  }
  layer.set_weights(weights);
  ConvProblem dynamic = layer.layer_for(shapes[0]).problem();
  if (shapes[0].size() == 3) dynamic.IH = window(dynamic).pad_top = window(dynamic).pad_bottom = kDynamic;
  dynamic.IW = window(dynamic).pad_left = window(dynamic).pad_right = kDynamic;
  register_fake_kernel(dynamic, {.symbol = symbol});
  for (const Shape& shape : shapes) {
    const ConvProblem p = layer.layer_for(shape).problem();
    EXPECT_EQ(p.layout == Layout::nhwc, channels_last);
    Shape full = shape;
    full.insert(full.begin(), 2);
    Tensor x(full);
    const std::vector<float> values = integer_values(x.elements(), 5);
    std::copy(values.begin(), values.end(), x.data());
    const Tensor y = layer(x);
    Shape wanted = layer.output_shape(shape);
    wanted.insert(wanted.begin(), 2);
    EXPECT_EQ(y.shape(), wanted);
    const ConvWeights canonical = layer.layer_for(shape).weights();
    EXPECT_EQ(std::vector<float>(y.data(), y.data() + y.elements()), naive_conv(p, canonical, values, 2))
        << to_text(shape);
  }
}

TEST(Run, SeparableConv1D) {
  SeparableConv1D layer({.filters = 4, .kernel_size = 3, .strides = 2, .padding = "same", .activation = "relu"});
  expect_runs(layer, {{10, 12}, {11, 12}, {1, 12}}, true, "keras_separable_1d");
  EXPECT_EQ(layer.layer_for({10, 12}).problem().stages[0].window.pad_left, 0);
  EXPECT_EQ(layer.layer_for({11, 12}).problem().stages[0].window.pad_left, 1);
}

TEST(Run, CausalSeparableConv1D) {
  SeparableConv1D layer(
      {.filters = 4, .kernel_size = 3, .padding = "causal", .dilation_rate = 2, .rules = KerasRules::tf_keras_2});
  expect_runs(layer, {{10, 7}, {3, 7}}, true, "keras_causal_1d");
  EXPECT_EQ(layer.layer_for({10, 7}).problem().stages[0].window.pad_left, 4);
  EXPECT_EQ(layer.layer_for({10, 7}).problem().stages[0].window.pad_right, 0);
}

TEST(Run, DepthwiseConv1DChannelsFirst) {
  DepthwiseConv1D layer({.kernel_size = 3, .depth_multiplier = 2, .data_format = "channels_first"});
  expect_runs(layer, {{5, 9}, {5, 3}}, false, "keras_depthwise_1d");
}

TEST(Run, SeparableConv2DChannelsFirst) {
  SeparableConv2D layer({.filters = 6,
                         .kernel_size = {3, 2},
                         .strides = {2, 1},
                         .padding = "same",
                         .data_format = "channels_first",
                         .depth_multiplier = 2,
                         .use_bias = false});
  expect_runs(layer, {{3, 8, 8}, {3, 7, 9}}, false, "keras_separable_2d");
}

TEST(Run, DepthwiseConv2D) {
  DepthwiseConv2D layer(
      {.kernel_size = 3, .strides = 2, .padding = "same", .depth_multiplier = 3, .activation = "relu6"});
  expect_runs(layer, {{8, 8, 2}, {7, 9, 2}, {1, 1, 2}}, true, "keras_depthwise_2d");
}

// A penalty of the output, divided by the batch, and the cast of an input of another width.
TEST(Run, ActivityLossAndAutocast) {
  DepthwiseConv1D layer({.kernel_size = 2, .use_bias = false, .activity_regularizer = "l1"});
  layer.build({4, 3});
  layer.set_weights({make_tensor({1, 2, 3, -1, 0, 1}, {2, 3, 1})});
  register_fake_kernel(layer.layer_for({4, 3}).problem(), {.symbol = "keras_activity"});
  EXPECT_TRUE(layer.losses().empty()) << "no call yet";
  std::vector<double> x(24);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 7) - 3;
  const Tensor single = layer(make_tensor(x, {2, 4, 3}));
  double magnitudes = 0;
  for (const double y : to_doubles(single)) magnitudes += std::abs(y);
  ASSERT_EQ(layer.losses().size(), 1u);
  EXPECT_NEAR(layer.losses()[0], 0.01 * magnitudes / 2, 1e-12);
  EXPECT_EQ(layer.losses(single), layer.losses());
  for (const DataType wider : {DataType::float64, DataType::float16, DataType::bfloat16}) {
    const Tensor y = layer(make_tensor(x, {2, 4, 3}, wider));
    EXPECT_EQ(y.dtype(), DataType::float32);
    EXPECT_EQ(to_doubles(y), to_doubles(single)) << keras_name(wider);
  }
}

TEST(Run, StatusesOfWrongCalls) {
  SeparableConv1D layer({.filters = 3, .kernel_size = 3, .name = "layer"});
  std::vector<float> input(200), output(200);
  const auto code_of = [&](const Shape& in, const Shape& out) {
    return layer.run({}, dense_view(static_cast<const float*>(input.data()), in), dense_view(output.data(), out))
        .code();
  };
  EXPECT_EQ(code_of({1, 10, 12}, {1, 8, 3}), StatusCode::not_built);
  layer.build({10, 12});
  EXPECT_EQ(code_of({1, 10, 12}, {1, 8, 3}), StatusCode::no_kernel);
  EXPECT_EQ(code_of({10, 12}, {8, 3}), StatusCode::invalid_shape);
  EXPECT_EQ(code_of({1, 10, 11}, {1, 8, 3}), StatusCode::invalid_shape);
  EXPECT_EQ(code_of({1, 1, 12}, {1, 1, 3}), StatusCode::invalid_shape);  // shorter than the window by two
  // As in Keras, a later call whose "valid" output has no elements is fine.
  EXPECT_EQ(code_of({2, 2, 12}, {2, 0, 3}), StatusCode::ok);
  EXPECT_EQ(code_of({2, 2, 12}, {1, 0, 3}), StatusCode::invalid_shape);
  const Tensor empty = layer(Tensor({2, 2, 12}));
  EXPECT_EQ(empty.shape(), (Shape{2, 0, 3}));
  EXPECT_THROW(layer(Tensor({1, 10, 12})), std::runtime_error);  // no kernel
  EXPECT_THROW(layer(Tensor({1, 10, 5})), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(layer.workspace_bytes({10, 12})), std::invalid_argument);
}

TEST(Run, EmptyBatchNeedsNoKernel) {
  SeparableConv2D layer({.filters = 3, .kernel_size = 3});
  EXPECT_EQ(layer(Tensor({0, 10, 10, 3})).shape(), (Shape{0, 8, 8, 3}));
}

TEST(Run, EmptySameOutput) {
  SeparableConv2D layer({.filters = 3, .kernel_size = 3, .padding = "same"});
  EXPECT_EQ(layer(Tensor({2, 0, 10, 3})).shape(), (Shape{2, 0, 10, 3}));
}

TEST(Run, ForcedRows) {
  DepthwiseConv1D layer({.kernel_size = 4, .name = "forced"});
  layer.build({9, 3});
  const ConvProblem p = layer.layer_for({9, 3}).problem();
  const CompiledKernel& slow = register_fake_kernel(p, {.symbol = "keras_slow", .target = "keras-slow", .rank = 1});
  const CompiledKernel& fast = register_fake_kernel(p, {.symbol = "keras_fast", .target = "keras-fast", .rank = 2});
  EXPECT_EQ(layer.layer_for({9, 3}).kernel(), &fast);
  layer.force_kernel("keras-slow");
  EXPECT_EQ(layer.layer_for({9, 3}).kernel(), &slow);
  layer.force_kernel("keras-nothing");
  std::vector<float> input(27), output(18);
  const Status status = layer.run({}, dense_view(static_cast<const float*>(input.data()), {1, 9, 3}),
                                  dense_view(output.data(), {1, 6, 3}));
  EXPECT_EQ(status.code(), StatusCode::no_kernel);
  EXPECT_NE(std::string(status.message()).find("keras-nothing"), std::string::npos) << status.message();
}

TEST(Run, EverNewSizesTakeBoundedMemory) {
  SeparableConv1D layer({.filters = 2, .kernel_size = 3, .padding = "same"});
  layer.build({kDynamic, 4});
  register_fake_kernel(with_dynamic_extents(layer.layer_for({9, 4}).problem()), {.symbol = "keras_many_sizes"});
  constexpr int kSizes = 20000;
  const std::vector<float> input(kSizes * 4, 1.0f);
  std::vector<float> output(kSizes * 2);
  const auto run = [&](int length) {
    return layer.run({&single_thread()}, dense_view(input.data(), {0, length, 4}),
                     dense_view(output.data(), {0, length, 2}));
  };
  for (int length = 1; length <= 1000; ++length) ASSERT_TRUE(run(length).ok()) << length;
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const std::size_t before = mallinfo2().uordblks;
#endif
  for (int length = 1001; length <= kSizes; ++length) ASSERT_TRUE(run(length).ok()) << length;
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(mallinfo2().uordblks - before, 9u << 19);  // 4.5 MiB
#endif
  // Sizes that are not kept are served all the same.
  const ConvProblem problem = layer.layer_for({19000, 4}).problem();
  std::vector<float> last(19000 * 2);
  ASSERT_TRUE(layer.run({}, dense_view(input.data(), {1, 19000, 4}), dense_view(last.data(), {1, 19000, 2})).ok());
  EXPECT_EQ(problem.IW, 19000);
}

TEST(Run, ALayerThatWasMovedFromStillRuns) {
  SeparableConv1D layer({.filters = 2, .kernel_size = 3, .name = "moved"});
  layer.build({9, 3});
  const SeparableConv1D moved = std::move(layer);
  EXPECT_EQ(moved.name(), "moved");
  EXPECT_EQ(layer.name(), "moved");  // NOLINT(bugprone-use-after-move): that is the test
  EXPECT_EQ(layer(Tensor({0, 9, 3})).shape(), (Shape{0, 7, 2}));
}

TEST(Run, ConcurrentCallsWithNewSizes) {
  SeparableConv1D layer({.filters = 2, .kernel_size = 3, .padding = "same", .activation = "relu"});
  layer.build({kDynamic, 6});
  ConvProblem dynamic = with_dynamic_extents(layer.layer_for({9, 6}).problem());
  register_fake_kernel(dynamic, {.symbol = "keras_concurrent"});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int length = 1; length < 150; ++length) {
        std::vector<float> input(length * 6, 1.0f), output(length * 2);
        const Status status =
            layer.run({&single_thread()}, dense_view(static_cast<const float*>(input.data()), {1, length, 6}),
                      dense_view(output.data(), {1, length, 2}));
        const ConvLayer& served = layer.layer_for({length, 6});
        const std::vector<float> wanted = naive_conv(served.problem(), served.weights(), input, 1);
        if (!status.ok()) ++wrong;
        for (std::size_t i = 0; i < wanted.size(); ++i)
          if (!(std::abs(output[i] - wanted[i]) < 1e-5)) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace sepconv::test
