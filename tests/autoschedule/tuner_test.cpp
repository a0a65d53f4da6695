#include "autoschedule/tuner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "autoschedule/records/export_lock.h"
#include "autoschedule/search/knobs.h"
#include "autoschedule/search/search_space.h"
#include "tests/autoschedule/search/problems.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

const char* const kTarget = "x86-64-avx2";

/// A world without machines: a schedule's time grows with its distance from a hidden one, some candidates fail, and
/// tasks may end in any order.
class FakeExecutor : public TrialExecutor {
 public:
  void run(const std::vector<TrialTask>& tasks,
           const std::function<void(std::size_t, std::vector<Trial>)>& done) override {
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      const std::size_t task = backwards ? tasks.size() - 1 - i : i;
      std::vector<Trial> trials;
      for (const Candidate& candidate : tasks[task].candidates) trials.push_back(trial_of(candidate));
      for (Trial& trial : trials) trial.yardstick_seconds = trials.front().seconds;
      done(task, std::move(trials));
    }
  }
  std::string machine() const override { return "a machine that is not there"; }

  bool backwards = false;
  bool flat = false;                  // everything takes as long as the rule
  std::size_t limit = 1000000;        // trials before it behaves as if the tuner were killed
  std::vector<std::string> measured;  // the texts of all candidates, yardsticks too

 private:
  Trial trial_of(const Candidate& candidate) {
    if (measured.size() >= limit) throw std::runtime_error("killed");
    measured.push_back(candidate.problem + " " + candidate.schedule);
    Trial trial;
    trial.candidate = candidate;
    trial.status = TrialStatus::ok;
    trial.seconds = 1e-3;
    const std::size_t hash = std::hash<std::string>()(candidate.schedule);
    const SearchSpace space(problem_from_text(candidate.problem), target_from_name(candidate.target));
    if (flat || candidate.schedule == to_text(space.rule())) return trial;
    if (candidate.schedule.starts_with("halide-")) {
      trial.seconds = 3e-3;
    } else if (hash % 10 == 0) {
      // The fastest of all, if anybody believed it.
      trial.status = hash % 20 == 0 ? TrialStatus::wrong_value : TrialStatus::run_crashed;
      trial.seconds = 1e-6;
    } else {
      Random random(17);
      Schedule wanted = space.random(random);
      Schedule given = schedule_from_text(candidate.schedule, space.lowering().target);
      double distance = 0;
      const auto wanted_knobs = knobs(wanted), given_knobs = knobs(given);
      for (std::size_t k = 0; k < wanted_knobs.size(); ++k)
        distance += std::abs(std::log((given_knobs[k].value() + 1.0) / (wanted_knobs[k].value() + 1.0)));
      trial.seconds = 0.4e-3 + 0.1e-3 * distance;
    }
    return trial;
  }
};

class TunerTest : public testing::Test {
 protected:
  TunerTest() {
    std::filesystem::remove(path_);
    for (std::size_t i : {0u, 5u}) problems_.push_back({"layer_" + std::to_string(i), search_problems()[i], kTarget});
    options_.trials = 64;
    options_.versions = {{"sepconv", "test"}};
  }
  ~TunerTest() override {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path_.string() + end);
  }

  std::string lock_after(FakeExecutor& executor) {
    RecordStore store(path_);
    tune(problems_, options_, executor, store, observer_);
    return export_lock(store).text();
  }

  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("sepconv_tuner_" + std::to_string(::getpid()) + "_" +
                                                testing::UnitTest::GetInstance()->current_test_info()->name());
  std::vector<TuneProblem> problems_;
  TuneOptions options_;
  TuneObserver observer_;
};

TEST_F(TunerTest, FindsFasterSchedulesAndNeverOnesThatFailed) {
  FakeExecutor executor;
  RecordStore store(path_);
  const auto states = tune(problems_, options_, executor, store, observer_);
  ASSERT_EQ(states.size(), 2u);
  const Lockfile lock = export_lock(store);
  for (const TuneState& state : states) {
    EXPECT_TRUE(state.final);
    EXPECT_LT(state.best_ratio, 0.85) << state.problem.problem;
    EXPECT_EQ(state.trials, 64u);  // Halide's two among them
    EXPECT_GT(state.failures, 0u);
    const ConvProblem problem = problem_from_text(state.problem.problem);
    const LockRow* row = lock.row(problem, target_from_name(kTarget));
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(to_text(row->schedule), state.best_schedule);
    EXPECT_EQ(row->record.source, RecordSource::tuned);
  }
  for (const TrialRecord& record : store.records())
    for (const TuneState& state : states)
      EXPECT_FALSE(record.trial.status != TrialStatus::ok && record.trial.candidate.schedule == state.best_schedule);
}

TEST_F(TunerTest, KeepsTheRuleWhereNothingIsFaster) {
  FakeExecutor executor;
  executor.flat = true;
  RecordStore store(path_);
  const auto states = tune(problems_, options_, executor, store, observer_);
  for (const TuneState& state : states) EXPECT_EQ(state.best_ratio, 1);
  const Lockfile lock = export_lock(store);
  const LockRow* row = lock.row(problem_from_text(problems_[0].problem), target_from_name(kTarget));
  ASSERT_NE(row, nullptr);
  EXPECT_EQ(row->record.source, RecordSource::rule);
}

TEST_F(TunerTest, TheOrderInWhichTrialsEndDoesNotMatter) {
  FakeExecutor forwards, backwards;
  backwards.backwards = true;
  const std::string lock = lock_after(forwards);
  for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(path_.string() + end);
  EXPECT_EQ(lock, lock_after(backwards));
  EXPECT_EQ(std::multiset<std::string>(forwards.measured.begin(), forwards.measured.end()),
            std::multiset<std::string>(backwards.measured.begin(), backwards.measured.end()));
}

TEST_F(TunerTest, ARunThatWasKilledGoesOnWithoutRepeating) {
  FakeExecutor first;
  first.limit = 60;
  {
    RecordStore store(path_);
    EXPECT_THROW(tune(problems_, options_, first, store, observer_), std::runtime_error);
    EXPECT_GT(store.records().size(), 20u);
  }
  FakeExecutor second;
  RecordStore store(path_);
  std::set<std::string> finished;
  for (const TrialRecord& record : store.records())
    finished.insert(record.trial.candidate.problem + " " + record.trial.candidate.schedule);
  const auto states = tune(problems_, options_, second, store, observer_);
  std::map<std::string, int> searched;
  for (const TrialRecord& record : store.records())
    if (record.kind == TrialKind::search)
      ++searched[record.trial.candidate.problem + " " + record.trial.candidate.schedule];
  for (const auto& [text, count] : searched) EXPECT_EQ(count, 1) << text;
  for (const TuneState& state : states) EXPECT_GE(state.trials, 64u);
  // What the second run measured again are yardsticks and finalists: each final round has at most 4 and Halide's.
  std::size_t again = 0;
  std::set<std::string> rules;
  for (const TuneProblem& p : problems_)
    rules.insert(p.problem + " " +
                 to_text(default_schedule(lower(problem_from_text(p.problem), target_from_name(kTarget)))));
  for (const std::string& text : second.measured) again += finished.count(text) != 0 && rules.count(text) == 0;
  EXPECT_LE(again, 2u * 5u);
}

TEST_F(TunerTest, StopsWhenAskedAndKeepsWhatIsDone) {
  FakeExecutor executor;
  std::atomic<bool> cancelled{false};
  options_.cancelled = &cancelled;
  class Stopper : public TuneObserver {
   public:
    explicit Stopper(std::atomic<bool>& flag) : flag_(flag) {}
    void round(const TuneState&, double) override { flag_ = true; }

   private:
    std::atomic<bool>& flag_;
  } stopper(cancelled);
  RecordStore store(path_);
  EXPECT_THROW(tune(problems_, options_, executor, store, stopper), TuneCancelled);
  EXPECT_EQ(store.records().size(), 16u + 2u);
}

TEST_F(TunerTest, AnotherProblemsBestIsTriedFirst) {
  FakeExecutor executor;
  const std::string other = "f32_nhwc_i28x28x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu";
  const Schedule schedule =
      schedule_from_text("block_fuse1_flat1_oh5_ow28.dw_c8_ow3_pad1.pw_mr5_nr16_ku4_vf1", target_from_name(kTarget));
  options_.suggestions = {{other, kTarget, to_text(schedule)}};
  options_.trials = 16;
  problems_.resize(1);
  RecordStore store(path_);
  tune(problems_, options_, executor, store, observer_);
  const auto records = store.records();
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.front().origin, "transfer");
  EXPECT_NE(records.front().trial.candidate.schedule.find("dw_c8_ow3_pad1.pw_mr5_nr16_ku4"), std::string::npos);
}

TEST_F(TunerTest, RefusesARunWithoutWorkOrEnd) {
  FakeExecutor executor;
  RecordStore store(path_);
  EXPECT_THROW(tune({}, options_, executor, store, observer_), std::invalid_argument);
  options_.trials = 0;
  EXPECT_THROW(tune(problems_, options_, executor, store, observer_), std::invalid_argument);
  options_.trials = 1;
  problems_[0].target = "x86-64-avx3";
  EXPECT_THROW(tune(problems_, options_, executor, store, observer_), std::invalid_argument);
}

}  // namespace
}  // namespace sepconv::test
