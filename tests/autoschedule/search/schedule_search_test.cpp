#include "autoschedule/search/schedule_search.h"

#include <gtest/gtest.h>

#include <cmath>

#include "autoschedule/search/knobs.h"
#include "tests/autoschedule/search/problems.h"

namespace sepconv::test {

using namespace autoschedule;

namespace {

SearchSpace space_of(std::size_t problem) {
  return SearchSpace(problem_from_text(search_problems()[problem]), generators::target_from_name("x86-64-avx2"));
}

/// A world in which a schedule's time grows with its distance from another one.
double ratio_in_world(generators::Schedule schedule, generators::Schedule best) {
  double distance = 0;
  const auto wanted = knobs(best);
  const auto given = knobs(schedule);
  for (std::size_t k = 0; k < given.size(); ++k)
    distance += std::abs(std::log((given[k].value() + 1.0) / (wanted[k].value() + 1.0)));
  return 0.5 + 0.2 * distance;
}

std::string run(std::uint64_t seed, int rounds, double& best) {
  ScheduleSearch search(space_of(0), seed, 1);
  Random random(99);
  const generators::Schedule wanted = search.space().random(random);
  LearnedModel model;
  std::string asked;
  for (int round = 0; round < rounds; ++round)
    for (const Proposal& proposal : search.ask(16, model)) {
      asked += to_text(proposal.schedule) + "\n";
      search.tell(proposal.schedule, ratio_in_world(proposal.schedule, wanted));
    }
  best = search.best_ratio();
  return asked;
}

TEST(ScheduleSearch, FindsWhatIsFastInAnyWorld) {
  constexpr int kRuns = 5;
  double sum = 0;
  for (int seed = 1; seed <= kRuns; ++seed) {
    double best = 1;
    run(seed, 30, best);
    sum += best;
  }
  EXPECT_LT(sum / kRuns, 0.75);  // 0.5 is the optimum; one draw at random has about 1.5
}

TEST(ScheduleSearch, RepeatsItselfAndNeverAProposal) {
  double best = 1;
  const std::string asked = run(4, 6, best);
  EXPECT_EQ(asked, run(4, 6, best));
  EXPECT_NE(asked, run(5, 6, best));
  std::set<std::string> lines;
  std::size_t count = 0;
  for (std::size_t begin = 0, end; (end = asked.find('\n', begin)) != std::string::npos; begin = end + 1, ++count)
    lines.insert(asked.substr(begin, end - begin));
  EXPECT_EQ(lines.size(), count);
  EXPECT_EQ(count, 96u);
}

TEST(ScheduleSearch, SuggestionsComeFirstIfLegal) {
  ScheduleSearch search(space_of(0), 1, 1);
  Random random(1);
  const generators::Schedule good = search.space().random(random);
  generators::Schedule bad = good;
  std::get<generators::CpuSchedule>(bad).pointwise->mr = 1000;
  search.suggest(bad, "lock");
  search.suggest(good, "transfer");
  const auto proposals = search.ask(4, LearnedModel());
  ASSERT_EQ(proposals.size(), 4u);
  EXPECT_EQ(to_text(proposals[0].schedule), to_text(good));
  EXPECT_EQ(proposals[0].origin, "transfer");
  EXPECT_EQ(proposals[1].origin, "model");
}

TEST(ScheduleSearch, FailuresAreNeverTheBest) {
  ScheduleSearch search(space_of(5), 1, 1);
  const auto proposals = search.ask(3, LearnedModel());
  search.tell(proposals[0].schedule, ScheduleSearch::kFailed);
  search.tell(proposals[1].schedule, 1.2);
  search.tell(proposals[2].schedule, 0.9);
  EXPECT_EQ(search.best_ratio(), 0.9);
  const auto best = search.best(5);
  ASSERT_EQ(best.size(), 2u);
  EXPECT_EQ(to_text(best[0]), to_text(proposals[2].schedule));
}

TEST(ScheduleSearch, ASmallSpaceEnds) {
  const ConvProblem tiny = problem_from_text("f32_nhwc_i1x2x2.conv_o3_k1x1.bias");
  ScheduleSearch search(SearchSpace(tiny, generators::target_from_name("x86-64-avx2")), 1, 1);
  std::size_t total = 0;
  for (int round = 0; round < 200; ++round) {
    const auto proposals = search.ask(16, LearnedModel());
    total += proposals.size();
    for (const Proposal& proposal : proposals) search.tell(proposal.schedule, 1.5);
    if (proposals.empty()) break;
  }
  EXPECT_TRUE(search.ask(16, LearnedModel()).empty());
  EXPECT_GT(total, 3u);
}

}  // namespace
}  // namespace sepconv::test
