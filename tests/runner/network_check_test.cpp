// The double reference of whole networks, and the check of each step against it, with fake kernels.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>

#include "runner/network_check.h"
#include "runner/network_io.h"
#include "runner/seeded.h"
#include "tests/runtime/fake_networks.h"

namespace sepconv::test {

using namespace runner;

namespace {

/// Adds the step `relu` behind a sum with the operand.
ConvProblem with_sum(ConvProblem problem) {
  problem.stages.back().epilogue.push_back({EpilogueKind::add, {}, Broadcast::none});
  return problem;
}

/// image -> left and right, parts of both -> joined + image, seen as two images -> out.
NetworkPlan joined_network() {
  NetworkBuilder b;
  const auto image = b.input("image", {3, 4, 6}), both = b.tensor("both", {3, 4, 6});
  b.step("left", pointwise(3, 4, 6, 2), image, b.channels(both, 0, 2));
  b.step("right", pointwise(3, 4, 6, 4), image, b.channels(both, 2, 4));
  const auto joined = b.tensor("joined", {3, 4, 6}), out = b.tensor("out", {3, 2, 5}, 2);
  b.step("joined", with_sum(pointwise(3, 4, 6, 6)), both, joined, {image});
  b.step("out", pointwise(3, 2, 6, 5), b.view(joined, {3, 2, 6}, 2), out);
  b.output(out);
  detail::plan_memory(b.plan);
  return b.plan;
}

std::vector<double> image_values(const NetworkPlan& plan, std::int64_t batch) {
  return seeded_values(network_inputs(plan)[0], batch, 5);
}

/// The problem of a step between tensors of its own, in double.
ConvProblem alone_in_double(ConvProblem problem) {
  problem.input_pitches = problem.output_pitches = {};
  problem.dtype = DataType::float64;
  return problem;
}

TEST(NetworkReference, RunsPartsOperandsAndViews) {
  const NetworkPlan plan = joined_network();
  const std::vector<NamedWeights> weights = weights_of_steps(plan);
  const std::vector<double> image = image_values(plan, 2);
  const NetworkValues values = network_reference(plan, weights, 2, {image}, 2);
  const auto alone = [&](std::size_t step, std::int64_t batch, const std::vector<double>& input,
                         const Operands& operands = {}) {
    return reference(alone_in_double(plan.steps[step].problem), weights[step].weights, batch,
                     std::span<const double>(input), 1, operands);
  };
  const std::vector<double> left = alone(0, 2, image), right = alone(1, 2, image);
  std::vector<double> both;
  for (std::size_t pixel = 0; pixel < 2 * 12; ++pixel) {
    both.insert(both.end(), left.begin() + pixel * 2, left.begin() + pixel * 2 + 2);
    both.insert(both.end(), right.begin() + pixel * 4, right.begin() + pixel * 4 + 4);
  }
  EXPECT_EQ(values.of(plan, plan.steps[0].output), left);
  EXPECT_EQ(values.of(plan, plan.steps[1].output), right);
  EXPECT_EQ(values.of(plan, plan.steps[2].input), both);
  const std::vector<double> joined = alone(2, 2, both, {image});
  EXPECT_EQ(values.of(plan, plan.steps[2].output), joined);
  EXPECT_EQ(values.of(plan, plan.outputs[0]), alone(3, 4, joined));
}

TEST(NetworkReference, RoundsWeightsButNothingBetweenSteps) {
  NetworkPlan plan = chain(2, 2, {3, 3, 3}).plan;
  for (NetworkTensor& tensor : plan.tensors) tensor.dtype = DataType::bfloat16;
  for (NetworkStep& step : plan.steps) step.problem.dtype = DataType::bfloat16;
  std::vector<NamedWeights> weights;
  for (const NetworkStep& step : plan.steps)
    weights.push_back({step.layer, step.problem, {std::vector<float>(9, 0.1f)}});
  const double w = round_to(DataType::bfloat16, 0.1f), x = round_to(DataType::bfloat16, 0.3);
  ASSERT_NE(w, 0.1f);
  const NetworkValues values = network_reference(plan, weights, 1, {std::vector<double>(12, 0.3)});
  for (const double value : values.of(plan, plan.outputs[0])) EXPECT_NEAR(value, 9 * w * w * x, 1e-15);
}

TEST(NetworkReference, RefusesWhatDoesNotFit) {
  const NetworkPlan plan = joined_network();
  const std::vector<NamedWeights> weights = weights_of_steps(plan);
  EXPECT_THROW(network_reference(plan, weights, 1, {}), std::invalid_argument);
  EXPECT_THROW(network_reference(plan, weights, 1, {std::vector<double>(71)}), std::invalid_argument);
  EXPECT_THROW(network_reference(plan, {weights.begin(), weights.end() - 1}, 1, {image_values(plan, 1)}),
               std::invalid_argument);
}

/// Runs the network with its own weights, and checks it with weights after `change`.
class NetworkChecks : public testing::Test {
 protected:
  const StepCheck* check(const std::function<void(std::vector<NamedWeights>&)>& change) {
    std::vector<NamedWeights> believed = weights_of_steps(plan_);
    change(believed);
    expected_ = network_reference(plan_, believed, 3, {image_});
    call_ = std::make_unique<NetworkCall>(network_, single_thread(), 3, PortValues{image_});
    check_ = std::make_unique<NetworkCheck>(plan_, believed, expected_, *call_, 1);
    check_->started = [&](std::size_t step) { started_.push_back(step); };
    EXPECT_EQ(check_->run(), "");
    EXPECT_EQ(check_->steps().size(), plan_.steps.size());
    return check_->first_miss();
  }
  static void change_weight(NamedWeights& layer) {
    std::vector<float> values = layer.weights.arrays[0].to_floats();
    values[0] += 0.01f;
    layer.weights.arrays[0] = WeightArray(values);
  }

  NetworkPlan plan_ = joined_network();
  Network network_ = make(plan_);
  std::vector<double> image_ = image_values(plan_, 3);
  NetworkValues expected_;
  std::unique_ptr<NetworkCall> call_;
  std::unique_ptr<NetworkCheck> check_;
  std::vector<std::size_t> started_;
};

TEST_F(NetworkChecks, ARightNetworkPasses) {
  const StepCheck* miss = check([](std::vector<NamedWeights>&) {});
  EXPECT_EQ(miss, nullptr) << miss->layer;
  EXPECT_EQ(started_, (std::vector<std::size_t>{0, 1, 2, 3}));
  const PortValues outputs = call_->outputs();
  EXPECT_TRUE(compare_relative(outputs[0], expected_.of(plan_, plan_.outputs[0]), 1e-5, DataType::float32).ok);
}

TEST_F(NetworkChecks, TheStepThatDepartsIsNamed) {
  const StepCheck* miss = check([](std::vector<NamedWeights>& layers) { change_weight(layers[2]); });
  ASSERT_NE(miss, nullptr);
  EXPECT_EQ(miss->layer, "joined");
  EXPECT_FALSE(miss->own.ok);
  EXPECT_TRUE(check_->steps()[1].own.ok);
  EXPECT_TRUE(check_->steps()[3].own.ok) << "it is right for what it read";
  EXPECT_FALSE(check_->steps()[3].chain.ok);
}

TEST_F(NetworkChecks, AStepOfAPartIsNamedToo) {
  const StepCheck* miss = check([](std::vector<NamedWeights>& layers) { change_weight(layers[1]); });
  ASSERT_NE(miss, nullptr);
  EXPECT_EQ(miss->layer, "right");
}

TEST(NetworkLimits, AreRelativeToTheLargestValue) {
  double largest = 0;
  EXPECT_TRUE(compare_relative(std::vector<double>{1.0, 200.01}, std::vector<double>{1.01, 200}, 1e-4,
                               DataType::float32, &largest)
                  .ok);
  EXPECT_EQ(largest, 200);
  EXPECT_FALSE(
      compare_relative(std::vector<double>{1.0, 200.03}, std::vector<double>{1.0, 200}, 1e-4, DataType::float32).ok);
  EXPECT_FALSE(compare_relative(std::vector<double>{NAN}, std::vector<double>{1.0}, 1, DataType::float32).ok);
  EXPECT_TRUE(compare_relative(std::vector<double>{0.0}, std::vector<double>{0.0}, 1e-4, DataType::float32).ok);
  EXPECT_EQ(relative_limit(DataType::float32, 100), 1e-4);
  EXPECT_LT(relative_limit(DataType::float16, 16), 0.02);
  EXPECT_GT(relative_limit(DataType::bfloat16, 16), relative_limit(DataType::float16, 16));
}

TEST(NetworkPorts, TakeTheStepsInTimeAsAnAxis) {
  const NetworkTensorInfo clip{"clip", DataType::float32, {kDynamic, 4, 4, 3}, 5};
  const auto array = [](std::vector<std::int64_t> shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) count *= extent;
    return npy_from_floats(std::vector<float>(static_cast<std::size_t>(count)), std::move(shape));
  };
  EXPECT_EQ(checked_batch(clip, array({2, 5, 4, 4, 3}), "x.npy"), 2);
  EXPECT_EQ(checked_batch(clip, array({10, 4, 4, 3}), "x.npy"), 2);
  EXPECT_EQ(keras_shape(clip, 2), (Shape{2, 5, 4, 4, 3}));
  const auto refusal = [&](const NpyArray& wrong, bool exact_type = true) -> std::string {
    try {
      checked_batch(clip, wrong, "x.npy", exact_type);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal(array({9, 4, 4, 3})),
            "x.npy: shape (9, 4, 4, 3); expected 'clip', float32 (None, 5, 4, 4, 3), with the batch for None");
  EXPECT_NE(refusal(array({})).find("shape ()"), std::string::npos);
  const NpyArray doubles = npy_from_doubles(std::vector<double>(240), {1, 5, 4, 4, 3});
  EXPECT_NE(refusal(doubles).find("elements of type <f8; expected 'clip', float32"), std::string::npos);
  EXPECT_EQ(refusal(doubles, false), "");
}

}  // namespace
}  // namespace sepconv::test
