// The places of tensors in a network's workspace: nothing that is alive shares memory, and little is wasted.

#include "runtime/core/memory_plan.h"

#include <gtest/gtest.h>

#include <random>
#include <stdexcept>

#include "tests/runtime/network_plans.h"

namespace sepconv::test {
namespace {

using detail::InPlace;
using detail::Lifetime;

TEST(MemoryPlan, LifetimesAreThoseOfBases) {
  NetworkBuilder b;
  const auto image = b.input("image", {4, 4, 3});
  const auto joined = b.tensor("joined", {4, 4, 8});
  const auto left = b.channels(joined, 0, 5), right = b.channels(joined, 5, 3);
  const auto idle = b.tensor("idle", {9});
  const auto last = b.tensor("last", {4, 4, 2});
  b.step("left", pointwise(4, 4, 3, 5), image, left);
  b.step("right", pointwise(4, 4, 3, 3), image, right);
  b.step("last", pointwise(4, 4, 8, 2), joined, last);
  b.output(last);
  const std::vector<Lifetime> lives = detail::lifetimes(b.plan);
  EXPECT_EQ(lives[joined].first, 0);
  EXPECT_EQ(lives[joined].last, 2);
  for (const auto unused : {image, left, right, idle, last}) EXPECT_FALSE(lives[unused].used()) << unused;
  detail::plan_memory(b.plan);
  validate(b.plan);
  EXPECT_EQ(b.plan.tensors[joined].offset_bytes, 0);
  EXPECT_EQ(b.plan.tensors[idle].offset_bytes, -1);
  EXPECT_EQ(b.plan.tensor_bytes, 4 * 4 * 8 * 4);
  EXPECT_EQ(detail::largest_live_bytes(b.plan, lives), 4 * 4 * 8 * 4);
}

TEST(MemoryPlan, AChainNeedsTwoNeighbours) {
  NetworkBuilder b = chain(8, 8, {3, 16, 32, 8, 24, 2});
  detail::plan_memory(b.plan);
  validate(b.plan);
  EXPECT_EQ(b.plan.tensor_bytes, 8 * 8 * 4 * (16 + 32));
}

TEST(MemoryPlan, NothingInTheWorkspace) {
  NetworkBuilder b = chain(8, 8, {3, 16});
  detail::plan_memory(b.plan);
  validate(b.plan);
  EXPECT_EQ(b.plan.tensor_bytes, 0);
}

TEST(MemoryPlan, ImagesCount) {
  NetworkBuilder b;
  const auto image = b.input("image", {4, 4, 3}, 7);
  const auto inner = b.tensor("inner", {4, 4, 5}, 7), flat = b.view(inner, {4 * 4 * 5 * 7});
  const auto last = b.tensor("last", {2});
  b.step("inner", pointwise(4, 4, 3, 5), image, inner);
  b.step("last", pointwise(1, 1, 4 * 4 * 5 * 7, 2), flat, last);
  b.output(last);
  detail::plan_memory(b.plan);
  validate(b.plan);
  EXPECT_EQ(tensor_bytes(b.plan.tensors[inner]), 7 * 4 * 4 * 5 * 4);
  EXPECT_EQ(b.plan.tensor_bytes, 2240);
}

/// A residual block whose sum is a step of its own.
NetworkBuilder with_copies() {
  NetworkBuilder b;
  const auto image = b.input("image", {8, 8, 4});
  const auto a = b.tensor("a", {8, 8, 4}), c = b.tensor("c", {8, 8, 4}), sum = b.tensor("sum", {8, 8, 4}),
             same = b.tensor("same", {8, 8, 4}), last = b.tensor("last", {8, 8, 4});
  b.step("a", pointwise(8, 8, 4, 4), image, a);
  b.step("c", pointwise(8, 8, 4, 4), a, c);
  ConvProblem add = copy(8, 8, 4);
  add.stages[0].epilogue = {{EpilogueKind::add, {}, Broadcast::none}};
  b.step("sum", add, c, sum, {a});
  b.step("same", copy(8, 8, 4), sum, same);
  b.step("last", pointwise(8, 8, 4, 4), same, last);
  b.output(last);
  return b;
}

TEST(MemoryPlan, CopiesMayRunInPlace) {
  const std::int64_t bytes = 8 * 8 * 4 * 4;
  NetworkBuilder b = with_copies();
  const auto offset = [&](int tensor) { return b.plan.tensors[static_cast<std::size_t>(tensor)].offset_bytes; };
  detail::plan_memory(b.plan, InPlace::nothing);
  validate(b.plan);
  EXPECT_EQ(b.plan.tensor_bytes, 3 * bytes);
  EXPECT_NE(offset(3), offset(4));
  detail::plan_memory(b.plan);  // only the copy without an epilogue
  validate(b.plan);
  EXPECT_EQ(b.plan.tensor_bytes, 3 * bytes);
  EXPECT_EQ(offset(3), offset(4));
  EXPECT_NE(offset(2), offset(3));
  detail::plan_memory(b.plan, InPlace::all_copies);
  validate(b.plan);
  EXPECT_EQ(b.plan.tensor_bytes, 2 * bytes);
  EXPECT_EQ(offset(2), offset(3));
  EXPECT_NE(offset(1), offset(3)) << "the operand stays";
}

TEST(MemoryPlan, OnlyInputsThatDieAreWrittenOver) {
  NetworkBuilder b = with_copies();
  b.plan.steps[2].operands = {2};  // c + c
  EXPECT_FALSE(detail::may_run_in_place(b.plan, b.plan.steps[2], InPlace::all_copies));
  EXPECT_TRUE(detail::may_run_in_place(b.plan, b.plan.steps[3], InPlace::plain_copies));
  EXPECT_FALSE(detail::may_run_in_place(b.plan, b.plan.steps[3], InPlace::nothing));
  EXPECT_FALSE(detail::may_run_in_place(b.plan, b.plan.steps[4], InPlace::all_copies));
  b = with_copies();
  b.plan.steps[4].input = 3;  // what "same" copies is used after it
  detail::plan_memory(b.plan, InPlace::all_copies);
  validate(b.plan);
  EXPECT_NE(b.plan.tensors[3].offset_bytes, b.plan.tensors[4].offset_bytes);
  b.plan.tensors[4].offset_bytes = b.plan.tensors[3].offset_bytes;
  EXPECT_THROW(validate(b.plan), std::invalid_argument);
}

/// A random network: each step reads one tensor, or the sum of some, of those before it.
NetworkPlan random_network(std::mt19937& random, int steps) {
  const auto number = [&](int least, int most) { return std::uniform_int_distribution<int>(least, most)(random); };
  NetworkBuilder b;
  const int C = 4;
  std::vector<std::pair<std::int32_t, int>> tensors = {{b.input("image", {1, 1, C}), C}};
  for (int s = 0; s < steps; ++s) {
    const int reach = std::min<int>(static_cast<int>(tensors.size()), number(1, 4) == 1 ? 12 : 2);
    const auto [in, in_channels] = tensors[tensors.size() - static_cast<std::size_t>(number(1, reach))];
    const int channels = number(1, 4) == 1 ? number(1, 4000) : 16 << number(0, 6);
    const std::string name = "t" + std::to_string(s);
    const auto out = b.tensor(name, {1, 1, channels});
    b.step(name, pointwise(1, 1, in_channels, channels), in, out);
    tensors.emplace_back(out, channels);
  }
  b.output(tensors.back().first);
  return b.plan;
}

TEST(MemoryPlan, RandomNetworksTakeLittleMoreThanWhatIsAlive) {
  std::mt19937 random(7);
  double worst = 1, sum = 0;
  constexpr int kNetworks = 200;
  for (int i = 0; i < kNetworks; ++i) {
    NetworkPlan plan = random_network(random, 5 + i);
    detail::plan_memory(plan);
    validate(plan);
    const double least = static_cast<double>(detail::largest_live_bytes(plan, detail::lifetimes(plan)));
    if (least == 0) continue;
    const double ratio = static_cast<double>(plan.tensor_bytes) / least;
    EXPECT_GE(ratio, 1);
    worst = std::max(worst, ratio);
    sum += ratio;
    NetworkPlan again = plan;
    detail::plan_memory(again);
    EXPECT_EQ(to_text(again), to_text(plan));
  }
  EXPECT_LE(worst, 1.05);
  EXPECT_LE(sum / kNetworks, 1.005);
}

TEST(MemoryPlan, ManyTensorsTakeNoMoreThanSeconds) {
  std::mt19937 random(3);
  NetworkPlan plan = random_network(random, 4000);
  detail::plan_memory(plan);
  const double least = static_cast<double>(detail::largest_live_bytes(plan, detail::lifetimes(plan)));
  EXPECT_LE(static_cast<double>(plan.tensor_bytes), 1.05 * least);
  validate(plan);
}

TEST(MemoryPlan, BrokenNetworksAreRefused) {
  NetworkBuilder b = chain(8, 8, {3, 16, 32});
  b.plan.steps[1].input = 77;
  EXPECT_THROW(detail::plan_memory(b.plan), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test
