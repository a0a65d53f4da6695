// Networks of fake kernels: the same values as layer by layer, and every wrong call refused.

#include "sepconv/network.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "tests/runtime/fake_networks.h"
#include "tests/runtime/message_of.h"

namespace sepconv::test {
namespace {

/// image -> depthwise -> 1x1 -> 1x1, where the second one is an output too.
NetworkPlan small_plan() {
  NetworkBuilder b;
  const auto image = b.input("image", {6, 5, 4});
  const auto a = b.tensor("a", {6, 5, 4}), mid = b.tensor("mid", {6, 5, 7}), c = b.tensor("c", {6, 5, 9}),
             last = b.tensor("last", {6, 5, 3});
  ConvProblem depthwise = problem_of(depthwise_stages());
  depthwise.IH = 6, depthwise.IW = 5, depthwise.IC = 4;
  window(depthwise) = {.KH = 3, .KW = 3, .pad_top = 1, .pad_bottom = 1, .pad_left = 1, .pad_right = 1};
  set_bias(output(depthwise), true);
  b.step("a", depthwise, image, a);
  b.step("mid", pointwise(6, 5, 4, 7), a, mid);
  b.step("c", pointwise(6, 5, 7, 9), mid, c);
  b.step("last", pointwise(6, 5, 9, 3), c, last);
  b.output(last);
  b.output(mid);
  return b.plan;
}

/// The outputs by naive_conv.
std::vector<std::vector<float>> expected(const NetworkPlan& plan, const Tensor& image, std::int64_t batch) {
  std::vector<float> at(image.data(), image.data() + image.elements());
  std::vector<std::vector<float>> results;
  for (const NetworkStep& step : plan.steps) {
    at = naive_conv(step.problem, integer_weights(step.problem), at, batch);
    results.push_back(at);
  }
  return results;
}

TEST(Network, EqualsItsLayersForAnyBatchAndThreads) {
  const Network network = make(small_plan());
  ASSERT_EQ(network.inputs().size(), 1u);
  EXPECT_EQ(network.inputs()[0].name, "image");
  EXPECT_EQ(network.inputs()[0].shape, (Shape{kDynamic, 6, 5, 4}));
  ASSERT_EQ(network.outputs().size(), 2u);
  EXPECT_EQ(network.outputs()[1].name, "mid");
  EXPECT_EQ(network.steps().size(), 4u);
  EXPECT_EQ(network.layer(1).name(), "mid");
  const auto pool = make_thread_pool(3);
  for (const std::int64_t batch : {1, 2, 5})
    for (Executor* executor : {&single_thread(), pool.get()}) {
      const Tensor image = image_of(batch, 120, {batch, 6, 5, 4});
      Tensor last({batch, 6, 5, 3}), mid({batch, 6, 5, 7});
      const ConstTensorView in = image;
      const TensorView out[] = {last, mid};
      RunContext context{executor, {}};
      std::vector<std::byte> memory(network.workspace_bytes(batch, context) + 1);
      for (const bool given : {false, true}) {
        if (given) context.workspace = {memory.data() + 1, memory.size() - 1};
        std::fill(memory.begin(), memory.end(), std::byte{0xff});
        const Status status = network.run(context, &in, 1, out, 2);
        ASSERT_TRUE(status.ok()) << status.message();
        const auto wanted = expected(small_plan(), image, batch);
        EXPECT_EQ(std::memcmp(last.data(), wanted[3].data(), wanted[3].size() * 4), 0) << batch;
        EXPECT_EQ(std::memcmp(mid.data(), wanted[1].data(), wanted[1].size() * 4), 0) << batch;
      }
    }
}

TEST(Network, BatchPitchesAreFree) {
  const Network network = make(small_plan());
  const Tensor image = image_of(2, 120, {2, 6, 5, 4});
  std::vector<float> in(500), last(400, -7), mid(500, -7);
  std::copy_n(image.data(), 120, in.begin());
  std::copy_n(image.data() + 120, 120, in.begin() + 300);
  ConstTensorView in_view = dense_view(in.data(), {2, 6, 5, 4});
  TensorView out[] = {dense_view(last.data(), {2, 6, 5, 3}), dense_view(mid.data(), {2, 6, 5, 7})};
  in_view.pitches[0] = 300, out[0].pitches[0] = 200, out[1].pitches[0] = 250;
  const Status status = network.run({}, &in_view, 1, out, 2);
  ASSERT_TRUE(status.ok()) << status.message();
  const auto wanted = expected(small_plan(), image, 2);
  for (std::size_t i = 0; i < 90; ++i) {
    EXPECT_EQ(last[i], wanted[3][i]);
    EXPECT_EQ(last[200 + i], wanted[3][90 + i]);
  }
  EXPECT_EQ(last[90], -7) << "the gap between the images";
  EXPECT_EQ(mid[250], wanted[1][210]);
  EXPECT_EQ(mid[210], -7);
}

TEST(Network, EmptyBatch) {
  const Network network = make(small_plan());
  const ConstTensorView in = dense_view(static_cast<const float*>(nullptr), {0, 6, 5, 4});
  const TensorView out[] = {dense_view(static_cast<float*>(nullptr), {0, 6, 5, 3}),
                            dense_view(static_cast<float*>(nullptr), {0, 6, 5, 7})};
  EXPECT_TRUE(network.run({}, &in, 1, out, 2).ok());
  EXPECT_EQ(network.workspace_bytes(0), 0u);
}

/// Calls the small network after a change of its views.
Status call(const std::function<void(ConstTensorView&, TensorView (&)[2], RunContext&)>& change) {
  static const Network* const network = new Network(make(small_plan()));
  static auto* const in = new std::vector<float>(1000, 1);
  static auto* const out = new std::vector<float>(2000);
  std::fill(out->begin(), out->end(), 5);
  ConstTensorView in_view = dense_view(in->data(), {2, 6, 5, 4});
  TensorView views[] = {dense_view(out->data(), {2, 6, 5, 3}), dense_view(out->data() + 500, {2, 6, 5, 7})};
  RunContext context;
  change(in_view, views, context);
  const Status status = network->run(context, &in_view, 1, views, 2);
  if (!status.ok()) {
    for (const float value : *out) EXPECT_EQ(value, 5) << "outputs stay untouched";
  }
  return status;
}

TEST(Network, WrongCallsAreRefused) {
  using In = ConstTensorView;
  using Out = TensorView(&)[2];
  const auto expect = [](const Status& status, StatusCode code, const std::string& part) {
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_NE(std::string(status.message()).find(part), std::string::npos) << status.message();
    EXPECT_EQ(std::string(status.message()).find("network: "), 0u) << status.message();
  };
  EXPECT_TRUE(call([](In&, Out, RunContext&) {}).ok());
  expect(call([](In& in, Out, RunContext&) { in.dtype = DataType::float64; }), StatusCode::invalid_dtype,
         "input 'image' has data type float64; expected float32");
  expect(call([](In& in, Out, RunContext&) { in.rank = 3; }), StatusCode::invalid_shape,
         "input 'image' has shape (2, 6, 5); expected (-1, 6, 5, 4)");
  expect(call([](In& in, Out, RunContext&) { in.extents[2] = 6; }), StatusCode::invalid_shape, "(2, 6, 6, 4)");
  expect(call([](In& in, Out, RunContext&) { in.extents[0] = -1; }), StatusCode::invalid_shape, "(-1, 6, 5, 4)");
  expect(call([](In&, Out out, RunContext&) { out[1].extents[0] = 3; }), StatusCode::invalid_shape,
         "output 'mid' has a batch of 3");
  expect(call([](In& in, Out, RunContext&) { in.data = nullptr; }), StatusCode::invalid_layout, "is null");
  expect(call([](In& in, Out, RunContext&) { in.data = reinterpret_cast<const void*>(0x1001); }),
         StatusCode::invalid_layout, "not aligned");
  expect(call([](In& in, Out, RunContext&) { in.pitches[1] = 21; }), StatusCode::invalid_layout,
         "axis 1 of input 'image' has pitch 21; expected 20");
  expect(call([](In& in, Out, RunContext&) { in.pitches[0] = -1; }), StatusCode::invalid_layout, "pitch -1");
  expect(call([](In&, Out out, RunContext&) { out[0].pitches[0] = 89; }), StatusCode::invalid_layout,
         "output 'last' has pitch 89; expected 90 or more");
  expect(call([](In& in, Out, RunContext&) { in.pitches[0] = std::int64_t{1} << 62; }), StatusCode::invalid_layout,
         "within");
  expect(call([](In& in, Out out, RunContext&) { in.data = static_cast<float*>(out[0].data) + 10; }),
         StatusCode::invalid_layout, "input 'image' and output 'last' overlap");
  expect(call([](In&, Out out, RunContext&) { out[1].data = static_cast<float*>(out[0].data) + 179; }),
         StatusCode::invalid_layout, "output 'last' and output 'mid' overlap");
  expect(call([](In&, Out out, RunContext& c) {
           c.workspace = {static_cast<float*>(out[1].data) + 100, 1000};
         }),
         StatusCode::invalid_layout, "output 'mid' and the workspace overlap");
  static std::byte few[100];
  expect(call([](In&, Out, RunContext& c) {
           c.workspace = {few, sizeof few};
         }),
         StatusCode::workspace_too_small, "100 bytes; expected");
  EXPECT_TRUE(call([](In& in, Out, RunContext&) { in.pitches[0] = 0; }).ok()) << "one image for the whole batch";
  const Network network = make(small_plan());
  Tensor in({1, 6, 5, 4}), out({1, 6, 5, 3});
  expect(network.run({}, in, out), StatusCode::invalid_shape, "1 inputs and 1 outputs; expected 1 and 2");
}

TEST(Network, WorkspaceIsExact) {
  const Network network = make(small_plan());
  NetworkPlan plan = small_plan();
  detail::plan_memory(plan);
  EXPECT_EQ(plan.tensor_bytes, 30 * 9 * 4 + 8);  // "a", then "c" in its place; "mid" is the caller's
  RunContext context{&single_thread(), {}};
  std::size_t layers = 0;
  for (std::size_t i = 0; i < 4; ++i) layers = std::max(layers, network.layer(i).workspace_bytes(context));
  for (const std::int64_t batch : {1, 3}) {
    const std::size_t bytes = network.workspace_bytes(batch, context);
    EXPECT_LE(bytes, static_cast<std::size_t>(plan.tensor_bytes * batch) + layers + 64);
    std::vector<std::byte> memory(bytes);
    Tensor in({batch, 6, 5, 4}), last({batch, 6, 5, 3}), mid({batch, 6, 5, 7});
    const ConstTensorView view = in;
    const TensorView out[] = {last, mid};
    context.workspace = {memory.data(), bytes - 1};
    EXPECT_EQ(network.run(context, &view, 1, out, 2).code(), StatusCode::workspace_too_small);
    context.workspace.bytes = bytes;
    EXPECT_TRUE(network.run(context, &view, 1, out, 2).ok());
  }
  EXPECT_THROW(network.workspace_bytes(-1), std::invalid_argument);
  EXPECT_THROW(network.workspace_bytes(std::int64_t{1} << 60), std::invalid_argument);
}

TEST(Network, KernelsAreChosenForAllSteps) {
  NetworkBuilder b = chain(3, 7, {2, 3, 4});
  detail::plan_memory(b.plan);
  register_kernels({{}, {b.plan.steps[0]}, {}, {}, 0});
  Network network(b.plan, weights_of_steps(b.plan));
  Tensor in({1, 3, 7, 2}), out({1, 3, 7, 4});
  const int calls = fake_calls();
  const Status status = network.run({}, in, out);
  EXPECT_EQ(status.code(), StatusCode::no_kernel);
  EXPECT_EQ(std::string(status.message()).find("network: step 'conv_2' has no kernel"), 0u) << status.message();
  EXPECT_EQ(fake_calls(), calls) << "no step runs when one has no kernel";
  EXPECT_NE(message_of([&] { network.workspace_bytes(); }).find("'conv_2'"), std::string::npos);
  EXPECT_NE(network.why_not().find("conv_1:\n"), std::string::npos);
  EXPECT_THROW(network.force_kernel("network-fake"), std::invalid_argument);
  register_kernels(b.plan);
  EXPECT_TRUE(network.run({}, in, out).ok());
  Network forced = network;
  forced.force_kernel("network-fake");
  EXPECT_THROW(forced.force_kernel("another"), std::invalid_argument);
  EXPECT_TRUE(forced.run({}, in, out).ok());
}

TEST(Network, ErrorsNameTheStep) {
  NetworkBuilder b = chain(2, 9, {2, 3, 4});
  detail::plan_memory(b.plan);
  register_kernels({{}, {b.plan.steps[0]}, {}, {}, 0});
  register_fake_kernel(b.plan.steps[1].problem, {.symbol = "network_failing", .error = -5});
  const Network network(b.plan, weights_of_steps(b.plan));
  Tensor in({1, 2, 9, 2}), out({1, 2, 9, 4});
  const Status status = network.run({}, in, out);
  EXPECT_EQ(status.code(), StatusCode::kernel_failed);
  EXPECT_NE(std::string(status.message()).find("'conv_2'"), std::string::npos) << status.message();
}

TEST(Network, ConstructionRefusesWhatDoesNotFit) {
  NetworkPlan plan = small_plan();
  detail::plan_memory(plan);
  const auto message = [&](auto&& change) {
    std::vector<NamedWeights> weights = weights_of_steps(plan);
    change(weights);
    return message_of([&] { Network(plan, weights); });
  };
  EXPECT_NE(message([](auto& w) { w.pop_back(); }).find("step 'last': no weights"), std::string::npos);
  EXPECT_NE(message([](auto& w) { w.push_back(w[0]); }).find("two layers are named 'a'"), std::string::npos);
  EXPECT_NE(message([](auto& w) { w[1].problem.IW = 6; }).find("weights of the problem"), std::string::npos);
  EXPECT_NE(message([](auto& w) { w[1].weights.arrays.pop_back(); }), "no error");
  plan.tensors[1].offset_bytes = 4;
  EXPECT_NE(message([](auto&) {}).find("tensor 'a'"), std::string::npos);
}

TEST(Network, ConcurrentCallsWithTheirOwnWorkspaces) {
  const Network network = make(small_plan());
  const auto pool = make_thread_pool(2);
  const Tensor image = image_of(1, 120, {1, 6, 5, 4});
  const auto wanted = expected(small_plan(), image, 1);
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      Tensor last({1, 6, 5, 3}), mid({1, 6, 5, 7});
      const ConstTensorView in = image;
      const TensorView out[] = {last, mid};
      RunContext context{pool.get(), {}};
      std::vector<std::byte> memory(network.workspace_bytes(1, context));
      context.workspace = {memory.data(), memory.size()};
      for (int i = 0; i < 25; ++i)
        right += network.run(context, &in, 1, out, 2).ok() &&
                 std::memcmp(last.data(), wanted[3].data(), wanted[3].size() * 4) == 0;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 100);
}

}  // namespace
}  // namespace sepconv::test
