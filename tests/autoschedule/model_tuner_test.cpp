#include "autoschedule/model_tuner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "autoschedule/search/cost_model.h"
#include "autoschedule/search/search_space.h"
#include "tests/autoschedule/search/problems.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

const char* const kTarget = "x86-64-avx512";

class ModelTunerTest : public testing::Test {
 protected:
  ModelTunerTest() {
    for (std::size_t i : {0u, 5u}) problems_.push_back({"layer_" + std::to_string(i), search_problems()[i], kTarget});
    options_.trials = 96;
    options_.least_gain = 1.01;
    options_.versions = {{"sepconv", "test"}};
  }

  std::vector<ModelTuneState> tune() {
    return tune_by_model(
        problems_, options_,
        [this](const Candidate& candidate) {
          compiled_.push_back(candidate.schedule);
          return facts_(candidate);
        },
        [this](const ModelTuneState&) { ++done_; });
  }

  std::string rule(std::size_t i) const {
    return to_text(default_schedule(lower(problem_from_text(problems_[i].problem), target_from_name(kTarget))));
  }
  double estimate(std::size_t i, const std::string& schedule) const {
    const Target& target = target_from_name(kTarget);
    return estimate_cost(schedule_from_text(schedule, target), lower(problem_from_text(problems_[i].problem), target))
        .total;
  }

  std::vector<TuneProblem> problems_;
  ModelTuneOptions options_;
  std::function<CompiledFacts(const Candidate&)> facts_ = [](const Candidate&) { return CompiledFacts{}; };
  std::vector<std::string> compiled_;
  std::size_t done_ = 0;
};

TEST_F(ModelTunerTest, TakesTheBestEstimateAndTheSameForTheSameSeed) {
  const auto states = tune(), again = tune();
  ASSERT_EQ(states.size(), 2u);
  EXPECT_EQ(done_, 4u);
  for (std::size_t i = 0; i < states.size(); ++i) {
    ASSERT_TRUE(states[i].chosen()) << states[i].problem.problem;
    EXPECT_EQ(states[i].schedule, again[i].schedule);
    EXPECT_NE(states[i].schedule, rule(i));
    EXPECT_DOUBLE_EQ(states[i].ratio, estimate(i, states[i].schedule) / estimate(i, rule(i)));
    EXPECT_EQ(states[i].ratio, states[i].best_ratio);
  }
}

TEST_F(ModelTunerTest, WithoutAClearGainTheRuleStaysAndNothingIsCompiled) {
  options_.least_gain = 50;
  for (const ModelTuneState& state : tune()) {
    EXPECT_FALSE(state.chosen());
    EXPECT_LT(state.best_ratio, 1);
  }
  EXPECT_TRUE(compiled_.empty());
}

TEST_F(ModelTunerTest, WhatDoesNotCompileOrSpillsIsLeftOut) {
  const auto unhindered = tune();
  std::set<std::string> bad;
  for (const ModelTuneState& state : unhindered) bad.insert(state.schedule);
  facts_ = [&](const Candidate& candidate) {
    if (!bad.contains(candidate.schedule)) return CompiledFacts{};
    return candidate.problem == problems_[0].problem ? CompiledFacts{TrialStatus::build_failed, "refused", 0}
                                                     : CompiledFacts{TrialStatus::ok, "", 6};
  };
  const auto states = tune();
  for (std::size_t i = 0; i < states.size(); ++i) {
    EXPECT_FALSE(bad.contains(states[i].schedule));
    EXPECT_GE(states[i].ratio, unhindered[i].ratio);
    ASSERT_EQ(states[i].why.size(), 1u);
    EXPECT_EQ(states[i].best_ratio, unhindered[i].ratio);
  }
  EXPECT_NE(states[0].why[0].find("build-failed: refused"), std::string::npos) << states[0].why[0];
  EXPECT_NE(states[1].why[0].find("spill 6 registers, the rule's 0"), std::string::npos) << states[1].why[0];
  // A rule that spills as much is no reason against a candidate.
  facts_ = [](const Candidate&) { return CompiledFacts{TrialStatus::ok, "", 6}; };
  EXPECT_EQ(tune()[1].schedule, unhindered[1].schedule);
}

TEST_F(ModelTunerTest, MeasuredRowsStayAndOldPredictionsGo) {
  const auto states = tune();
  const Target& target = target_from_name(kTarget);
  const ConvProblem first = problem_from_text(problems_[0].problem), second = problem_from_text(problems_[1].problem);
  Record measured;
  measured.source = RecordSource::tuned;
  measured.seconds = 1e-3;
  Lockfile lockfile;
  lockfile.set(first, target, {default_schedule(lower(first, target)), measured});
  ModelRows rows = merge_model_rows(lockfile, states, options_);
  EXPECT_EQ(rows.measured, 1u);
  EXPECT_EQ(rows.written, 1u);
  EXPECT_EQ(lockfile.row(first, target)->record.source, RecordSource::tuned);
  const LockRow* row = lockfile.row(second, target);
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->record.source, RecordSource::model);
  EXPECT_FALSE(row->record.seconds);
  EXPECT_TRUE(row->record.machine.empty());
  EXPECT_NEAR(*row->record.predicted, states[1].ratio, 1e-3);
  EXPECT_EQ(row->record.versions, options_.versions);
  EXPECT_EQ(Lockfile::from_text(lockfile.text()).text(), lockfile.text());

  options_.least_gain = 50;
  rows = merge_model_rows(lockfile, tune(), options_);
  EXPECT_EQ(rows.removed, 1u);
  EXPECT_EQ(lockfile.row(second, target), nullptr);
  EXPECT_EQ(lockfile.size(), 1u);
}

TEST_F(ModelTunerTest, StartsFromKnownSchedules) {
  // One trial: what was suggested.
  const ModelTuneState best = tune()[0];
  options_.trials = 1;
  problems_.resize(1);
  EXPECT_NE(tune()[0].schedule, best.schedule);
  options_.suggestions = {{problems_[0].problem, kTarget, best.schedule}};
  EXPECT_EQ(tune()[0].schedule, best.schedule);
  options_.suggestions = {{problems_[0].problem, "x86-64-avx2", best.schedule}};  // another target's says nothing
  EXPECT_NE(tune()[0].schedule, best.schedule);
}

TEST_F(ModelTunerTest, RefusesGpusAndNothing) {
  problems_[0].target = "cuda-sm80";
  EXPECT_THROW(tune(), std::invalid_argument);
  problems_.clear();
  EXPECT_THROW(tune(), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test
