#include "autoschedule/search/cost_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autoschedule/search/learned_model.h"
#include "autoschedule/search/search_space.h"
#include "tests/autoschedule/search/problems.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

using CostModelTest = testing::TestWithParam<std::string>;

TEST_P(CostModelTest, CountsAreFiniteAndAtLeastTheOperations) {
  const ConvProblem problem = problem_from_text(GetParam());
  const Target& target = target_from_name("x86-64-avx2");
  const SearchSpace space(problem, target);
  Random random(3);
  std::size_t length = 0;
  for (int i = 0; i < 100; ++i) {
    const Schedule schedule = space.random(random);
    const CostParts cost = estimate_cost(schedule, lower(problem, target));
    ASSERT_TRUE(std::isfinite(cost.total)) << to_text(schedule);
    if (!problem.is_dynamic()) {
      // Two multiply-adds of all lanes a cycle is the most that the model allows.
      EXPECT_GE(cost.total, problem.flops() / (4.0 * target.lanes)) << to_text(schedule);
    }
    const std::vector<double> row = features(schedule, lower(problem, target));
    if (length == 0) length = row.size();
    EXPECT_EQ(row.size(), length);
    for (double value : row) EXPECT_TRUE(std::isfinite(value)) << to_text(schedule);
  }
}

/// What scripts/fit_cpu_costs.py relies on.
TEST_P(CostModelTest, IsLinearInEachFittedCost) {
  const SearchSpace space(problem_from_text(GetParam()), target_from_name("x86-64-avx2"));
  Random random(4);
  for (int i = 0; i < 30; ++i) {
    const Schedule schedule = space.random(random);
    visit_fitted_costs([&](const char* name, double CpuCosts::*cost) {
      const auto total = [&](double factor) {
        CpuCosts costs;
        costs.*cost *= factor;
        return estimate_cost(schedule, space.lowering(), 1, costs).total;
      };
      EXPECT_NEAR(total(2) - total(1), total(1) - total(0), 1e-9 * total(1)) << name << " " << to_text(schedule);
      EXPECT_GE(total(1), total(0)) << name;
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, CostModelTest, testing::ValuesIn(search_problems()));

double cost_of(const std::string& schedule, int threads = 1) {
  const ConvProblem problem = problem_from_text(search_problems()[0]);
  const Target& target = target_from_name("x86-64-avx2");
  return estimate_cost(schedule_from_text(schedule, target), lower(problem, target), threads).total;
}

TEST(CostModel, TilesThatWasteOrWaitCostMore) {
  const double good = cost_of("block_fuse1_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1");
  // One sum a tile waits for itself; a tile of 12 scalars and 1 vector loads more than it adds.
  EXPECT_GT(cost_of("block_fuse1_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr1_nr8_ku2_vf1"), 2 * good);
  EXPECT_GT(cost_of("block_fuse1_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr12_nr8_ku2_vf1"), good);
  // The whole image's depthwise result leaves the caches.
  EXPECT_GT(cost_of("block_fuse0_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1"), good);
}

TEST(CostModel, OneBlockDoesNotServeTwoThreads) {
  const std::string one = "block_fuse1_flat1_oh56_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1";
  const std::string two = "block_fuse1_flat1_oh28_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1";
  EXPECT_GT(cost_of(one, 2), 1.5 * cost_of(two, 2));
}

TEST(LearnedModel, LearnsWhatTheEstimateMisses) {
  // Time = estimate * exp(0.5 * second feature), in two groups of different size.
  LearnedModel model;
  Random random(5);
  const auto uniform = [&] { return double(random.below(1000)) / 1000; };
  for (int i = 0; i < 200; ++i) {
    const double estimate = uniform(), missed = uniform(), noise = 0.01 * uniform();
    model.add({estimate, missed, uniform()}, std::exp(estimate + 0.5 * missed + noise + i % 2), i % 2);
  }
  EXPECT_LT(model.score(std::vector{0.5, 1.0, 0.0}), model.score(std::vector{0.6, 0.0, 0.0}));  // the estimate alone
  model.fit();
  EXPECT_GT(model.score(std::vector{0.5, 1.0, 0.0}), model.score(std::vector{0.6, 0.0, 0.0}));
  EXPECT_NEAR(model.score(std::vector{0.0, 1.0, 0.0}) - model.score(std::vector{0.0, 0.0, 0.0}), 0.5, 0.05);
}

TEST(LearnedModel, KeepsToTheEstimateUntilItKnowsEnough) {
  LearnedModel model;
  for (std::size_t i = 0; i + 1 < LearnedModel::kLeastSamples; ++i) model.add({1.0, double(i)}, 1.0 + double(i), 0);
  model.fit();
  EXPECT_EQ(model.score(std::vector{2.0, 7.0}), 2.0);
}

}  // namespace
}  // namespace sepconv::test
