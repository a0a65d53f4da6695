// The tensors between the steps of a network: images of time steps, parts of one tensor, operands and copies in place.

#include <gtest/gtest.h>

#include "runtime/core/network_observer.h"
#include "tests/runtime/fake_networks.h"

namespace sepconv::test {
namespace {

TEST(NetworkTensors, TimeStepsAreImages) {
  NetworkBuilder b;
  const auto clip = b.input("clip", {4, 4, 3}, 5);
  const auto frames = b.tensor("frames", {4, 4, 2}, 5), flat = b.view(frames, {5 * 4 * 4 * 2});
  const auto last = b.tensor("last", {6});
  b.step("frames", pointwise(4, 4, 3, 2), clip, frames);
  b.step("last", pointwise(1, 1, 160, 6), flat, last);
  b.output(last);
  const Network network = make(b.plan);
  EXPECT_EQ(network.inputs()[0].images, 5);
  const Tensor image = image_of(10, 48, {10, 4, 4, 3});
  Tensor result({2, 6});
  const Status status = network.run({}, image, result);
  ASSERT_TRUE(status.ok()) << status.message();
  std::vector<float> at(image.data(), image.data() + image.elements());
  at = naive_conv(network.steps()[0].problem, integer_weights(network.steps()[0].problem), at, 10);
  at = naive_conv(network.steps()[1].problem, integer_weights(network.steps()[1].problem), at, 2);
  EXPECT_EQ(std::vector<float>(result.data(), result.data() + 12), at);
  Tensor odd({9, 4, 4, 3});
  EXPECT_EQ(network.run({}, odd, result).code(), StatusCode::invalid_shape);
}

TEST(NetworkTensors, AxesThatViewsLackAreImages) {
  NetworkBuilder b;
  const auto clip = b.input("clip", {5, 4, 4, 3}), last = b.tensor("last", {5, 4, 4, 2});
  b.step("frames", pointwise(4, 4, 3, 2), b.view(clip, {4, 4, 3}, 5), b.view(last, {4, 4, 2}, 5));
  b.output(last);
  const Network network = make(b.plan);
  EXPECT_EQ(network.inputs()[0].images, 5);
  EXPECT_EQ(network.inputs()[0].shape, (Shape{kDynamic, 4, 4, 3}));
  const Tensor image = image_of(10, 48, {10, 4, 4, 3});
  Tensor result({10, 4, 4, 2});
  const Status status = network.run({}, image, result);
  ASSERT_TRUE(status.ok()) << status.message();
  const ConvProblem& p = network.steps()[0].problem;
  EXPECT_EQ(std::vector<float>(result.data(), result.data() + result.elements()),
            naive_conv(p, integer_weights(p), {image.data(), image.data() + image.elements()}, 10));
}

TEST(NetworkTensors, ViewsOfInputsThatRegroupImagesNeedADenseBatch) {
  NetworkBuilder b;
  const auto clip = b.input("clip", {12}), last = b.tensor("last", {3}, 2);
  b.step("last", pointwise(1, 1, 6, 3), b.view(clip, {6}, 2), last);
  b.output(last);
  const Network network = make(b.plan);
  Tensor in({2, 20}), out({4, 3});
  ConstTensorView view = in;
  view.extents[1] = 12;
  EXPECT_NE(std::string(network.run({}, view, out).message()).find("expected 12, within"), std::string::npos);
  view.pitches[0] = 12;
  EXPECT_TRUE(network.run({}, view, out).ok());
}

TEST(NetworkTensors, CopiesInPlaceAreLeftOutAndStepsAreObserved) {
  NetworkBuilder b;
  const auto image = b.input("image", {2, 2, 3});
  const auto a = b.tensor("a", {2, 2, 5}), same = b.tensor("same", {2, 2, 5}), last = b.tensor("last", {2, 2, 2});
  b.step("a", pointwise(2, 2, 3, 5), image, a);
  b.step("same", copy(2, 2, 5), a, same);
  b.step("last", pointwise(2, 2, 5, 2), same, last);
  b.output(last);
  NetworkPlan plan = b.plan;
  detail::plan_memory(plan);
  EXPECT_EQ(plan.tensors[1].offset_bytes, plan.tensors[2].offset_bytes);
  register_kernels({{}, {plan.steps[0], plan.steps[2]}, {}, {}, 0});
  std::vector<NamedWeights> weights = weights_of_steps({{}, {plan.steps[0], plan.steps[2]}, {}, {}, 0});
  weights.push_back({"same", plan.steps[1].problem, {}});
  const Network network(plan, weights);
  const Tensor in = image_of(1, 12, {1, 2, 2, 3});
  Tensor out({1, 2, 2, 2});
  struct Recorder : detail::StepObserver {
    void begin(std::size_t step) noexcept override { seen.push_back(static_cast<int>(step)); }
    void end(std::size_t step) noexcept override { seen.push_back(-static_cast<int>(step)); }
    std::vector<int> seen;
  } recorder;
  const ConstTensorView in_view = in;
  const TensorView out_view = out;
  ASSERT_TRUE(detail::NetworkAccess::run(network, {}, &in_view, 1, &out_view, 1, &recorder).ok());
  EXPECT_EQ(recorder.seen, (std::vector<int>{0, 0, 1, -1, 2, -2}));
  std::vector<float> at(in.data(), in.data() + 12);
  for (const int step : {0, 2})
    at = naive_conv(plan.steps[static_cast<std::size_t>(step)].problem,
                    integer_weights(plan.steps[static_cast<std::size_t>(step)].problem), at, 1);
  EXPECT_EQ(std::vector<float>(out.data(), out.data() + 8), at);
}

TEST(NetworkTensors, StepsReadAndWritePartsOfOneTensor) {
  NetworkBuilder b;
  const auto image = b.input("image", {4, 4, 3}), grown = b.tensor("grown", {4, 4, 9}),
             last = b.tensor("last", {4, 4, 2});
  const auto first = b.channels(grown, 0, 3), second = b.channels(grown, 3, 4), both = b.channels(grown, 0, 7),
             third = b.channels(grown, 7, 2);
  b.step("first", pointwise(4, 4, 3, 3), image, first);
  b.step("second", pointwise(4, 4, 3, 4), first, second);
  b.step("third", pointwise(4, 4, 7, 2), both, third);
  b.step("last", pointwise(4, 4, 9, 2), grown, last);
  b.output(last);
  const Network network = make(b.plan);
  for (const std::int64_t batch : {1, 3}) {
    const Tensor in = image_of(batch, 48, {batch, 4, 4, 3});
    Tensor out({batch, 4, 4, 2});
    const Status status = network.run({}, in, out);
    ASSERT_TRUE(status.ok()) << status.message();
    const auto pixels = static_cast<std::size_t>(batch * 16);
    std::vector<std::vector<float>> parts;  // what "first", "second" and "third" write
    const auto joined = [&](const std::vector<int>& channels) {
      std::vector<float> all;
      for (std::size_t i = 0; i < pixels; ++i)
        for (std::size_t part = 0; part < channels.size(); ++part) {
          const auto begin = parts[part].begin() + static_cast<std::ptrdiff_t>(i) * channels[part];
          all.insert(all.end(), begin, begin + channels[part]);
        }
      return all;
    };
    const auto apply = [&](std::size_t step, const std::vector<float>& values) {
      ConvProblem p = network.steps()[step].problem;
      p.input_pitches = p.output_pitches = {};
      return naive_conv(p, integer_weights(p), values, batch);
    };
    parts.push_back(apply(0, {in.data(), in.data() + in.elements()}));
    parts.push_back(apply(1, parts[0]));
    parts.push_back(apply(2, joined({3, 4})));
    const std::vector<float> wanted = apply(3, joined({3, 4, 2}));
    EXPECT_EQ(std::vector<float>(out.data(), out.data() + out.elements()), wanted) << batch;
  }
}

TEST(NetworkTensors, OperandsAreAdded) {
  NetworkBuilder b;
  const auto image = b.input("image", {2, 3, 4}), gate = b.input("gate", {4});
  const auto a = b.tensor("a", {2, 3, 4}), last = b.tensor("last", {2, 3, 4});
  ConvProblem add = pointwise(2, 3, 4, 4), broadcast = add;
  add.stages[0].epilogue = {{EpilogueKind::add, {}, Broadcast::none}};
  broadcast.stages[0].epilogue = {{EpilogueKind::add, {}, Broadcast::channels}};
  b.step("a", broadcast, image, a, {gate});
  b.step("last", add, a, last, {image});
  b.output(last);
  const Network network = make(b.plan);
  const std::int64_t batch = 2;
  const Tensor in = image_of(batch, 24, {batch, 2, 3, 4}), gates = image_of(batch, 4, {batch, 4});
  Tensor out({batch, 2, 3, 4});
  const ConstTensorView views[] = {in, gates};
  const TensorView out_view = out;
  const Status status = network.run({}, views, 2, &out_view, 1);
  ASSERT_TRUE(status.ok()) << status.message();
  const ConvProblem plain = pointwise(2, 3, 4, 4);
  std::vector<float> at = naive_conv(plain, integer_weights(plain), {in.data(), in.data() + 48}, batch);
  for (std::size_t i = 0; i < 48; ++i) at[i] += gates.data()[i / 24 * 4 + i % 4];
  at = naive_conv(plain, integer_weights(plain), at, batch);
  for (std::size_t i = 0; i < 48; ++i) at[i] += in.data()[i];
  EXPECT_EQ(std::vector<float>(out.data(), out.data() + 48), at);
}

}  // namespace
}  // namespace sepconv::test
