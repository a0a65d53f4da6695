// A plan with a network comes through as bytes; bytes that tell of another network are refused.

#include "tools/plan_bytes.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>

#include "runtime/core/memory_plan.h"
#include "tests/runtime/message_of.h"
#include "tests/runtime/network_plans.h"
#include "tests/tools/plan_bytes_of.h"
#include "tools/strict_float.h"

namespace sepconv::tools::test {
namespace {

using namespace sepconv::test;

Plan network_plan() {
  NetworkBuilder b = chain(3, 4, {5, 6, 7});
  detail::plan_memory(b.plan);
  Plan plan;
  plan.network.emplace().plan = b.plan;
  for (const NetworkStep& step : b.plan.steps) {
    PlannedLayer layer;
    layer.name = step.layer;
    layer.problem = step.problem;
    layer.weights = ConvWeights{std::vector<float>(elements_of(weights_of(step.problem)[0]), 2)};
    layer.has_weights = true;
    plan.network->layers.push_back(layer);
  }
  plan.why_no_network = "a reason";
  return plan;
}

TEST(PlanBytes, ANetworkComesThrough) {
  const Plan wanted = network_plan(), got = plan_from_bytes(bytes_of(wanted));
  ASSERT_TRUE(got.network);
  EXPECT_EQ(to_text(got.network->plan), to_text(wanted.network->plan));
  EXPECT_EQ(got.network->layers.size(), 2u);
  EXPECT_EQ(got.network->layers[1].problem, wanted.network->layers[1].problem);
  EXPECT_EQ(got.network->layers[1].weights.arrays, wanted.network->layers[1].weights.arrays);
  EXPECT_EQ(got.why_no_network, "a reason");
  EXPECT_FALSE(plan_from_bytes(bytes_of(Plan{})).network);
}

TEST(PlanBytes, OtherNetworksAreRefused) {
  const auto complaint = [](const std::function<void(PlannedNetwork&)>& change) {
    Plan plan = network_plan();
    change(*plan.network);
    return message_of([&] { plan_from_bytes(bytes_of(plan)); });
  };
  const std::string other_steps = "a plan whose network has other steps than layers";
  EXPECT_EQ(complaint([](PlannedNetwork&) {}), "no error");
  EXPECT_EQ(complaint([](PlannedNetwork& n) { n.layers.pop_back(); }), other_steps);
  EXPECT_EQ(complaint([](PlannedNetwork& n) { n.layers[1].name = "conv_1"; }), other_steps);
  EXPECT_EQ(complaint([](PlannedNetwork& n) { std::swap(n.layers[0].name, n.layers[1].name); }), other_steps);
  EXPECT_NE(complaint([](PlannedNetwork& n) { n.layers[0].weights.arrays.clear(); }), "no error");
  EXPECT_NE(complaint([](PlannedNetwork& n) { n.layers[0].padding = "odd"; }), "no error");
  EXPECT_NE(complaint([](PlannedNetwork& n) { n.plan.tensor_bytes = 0; }).find("network: "), std::string::npos);
}

TEST(PlanBytes, EveryCutIsRefused) {
  const std::string bytes = bytes_of(network_plan());
  for (std::size_t size = 0; size < bytes.size(); size += 5)
    EXPECT_THROW(plan_from_bytes(bytes.substr(0, size)), std::invalid_argument) << size;
}

TEST(PlanBytes, StrictNetworksAreNetworks) {
  Plan plan = network_plan();
  make_strict(plan);
  const Plan got = plan_from_bytes(bytes_of(plan));
  EXPECT_TRUE(got.network->plan.steps[0].problem.strict_float);
}

}  // namespace
}  // namespace sepconv::tools::test
