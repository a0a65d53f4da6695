#include "autoschedule/search/search_space.h"

#include <gtest/gtest.h>

#include <set>

#include "autoschedule/search/knobs.h"
#include "tests/autoschedule/search/problems.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

using SearchSpaceTest = testing::TestWithParam<std::string>;

std::vector<std::string> targets_for(const ConvProblem& problem) {
  std::vector<std::string> names = {"x86-64-sse41", "x86-64-avx2", "x86-64-avx512", "arm-64"};
  if (!problem.is_dynamic() && problem.dtype != DataType::float64) names.push_back("cuda-sm80");
  return names;
}

TEST_P(SearchSpaceTest, EverySourceOfSchedulesGivesLegalOnes) {
  const ConvProblem problem = problem_from_text(GetParam());
  for (const std::string& name : targets_for(problem)) {
    const Target& target = target_from_name(name);
    const SearchSpace space(problem, target);
    Random random(7);
    std::set<std::string> seen;
    const auto check = [&](const Schedule& schedule) {
      EXPECT_EQ(reject_reason(schedule, lower(problem, target)), std::nullopt) << name << " " << to_text(schedule);
      seen.insert(to_text(schedule));
    };
    Schedule schedule = space.rule();
    for (int i = 0; i < 50; ++i) {
      check(space.random(random));
      schedule = space.mutated(schedule, random);
      check(schedule);
      check(space.crossed(schedule, space.random(random), random));
    }
    for (const Schedule& neighbour : space.neighbours(space.rule())) check(neighbour);
    EXPECT_GT(seen.size(), 25u) << name;
    EXPECT_GT(space.size(), 100) << name;
  }
}

TEST_P(SearchSpaceTest, TheRuleIsOneOfItsSchedules) {
  const ConvProblem problem = problem_from_text(GetParam());
  for (const std::string& name : targets_for(problem)) {
    const SearchSpace space(problem, target_from_name(name));
    EXPECT_EQ(to_text(space.adapted(space.rule())), to_text(space.rule())) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, SearchSpaceTest, testing::ValuesIn(search_problems()));

TEST(SearchSpace, ASeedGivesTheSameSchedulesAgain) {
  const SearchSpace space(problem_from_text(search_problems()[0]), target_from_name("x86-64-avx2"));
  const auto draw = [&](std::uint64_t seed) {
    Random random(seed);
    std::string texts;
    for (int i = 0; i < 10; ++i) texts += to_text(space.mutated(space.random(random), random)) + "\n";
    return texts;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

TEST(SearchSpace, AnotherProblemsScheduleMovesToTheNearestOne) {
  const Target& target = target_from_name("x86-64-avx2");
  const ConvProblem large = problem_from_text(search_problems()[0]);
  ConvProblem small = large;
  small.IH = small.IW = 5;
  small.IC = 8;
  const SearchSpace space(small, target);
  const Schedule adapted =
      space.adapted(schedule_from_text("block_fuse1_flat1_oh7_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku4_vf1"));
  EXPECT_EQ(reject_reason(adapted, lower(small, target)), std::nullopt);
  const auto& cpu = std::get<CpuSchedule>(adapted);
  EXPECT_EQ(cpu.block.ow_block, 5);
  EXPECT_EQ(cpu.pointwise->nr, 16);
}

TEST(SearchSpace, EveryFieldHasValuesInOrder) {
  for (const std::string& text : search_problems())
    for (const std::string& name : targets_for(problem_from_text(text))) {
      const SearchSpace space(problem_from_text(text), target_from_name(name));
      Schedule rule = space.rule();
      for (const Knob& knob : knobs(rule)) {
        const std::vector<int> values = knob_values(knob, space.lowering());
        ASSERT_FALSE(values.empty()) << knob.name;
        EXPECT_TRUE(std::is_sorted(values.begin(), values.end())) << knob.name;
        for (const int value : values) {
          knob.set(value);
          EXPECT_EQ(knob.value(), value) << knob.name;
        }
      }
    }
}

}  // namespace
}  // namespace sepconv::test
