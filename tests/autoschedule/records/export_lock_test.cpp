// Which records become rows of a lockfile.

#include "autoschedule/records/export_lock.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/autoschedule/records/example_trials.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

constexpr const char* kTarget = "x86-64-avx2";
constexpr const char* kProblem = "f32_nhwc_i14x14x32.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu";
constexpr const char* kOtherProblem = "f32_nhwc_i14x14x32.dw_k3x3_p1x1x1x1.bias.relu";

const Target& target() { return target_from_name(kTarget); }

std::string rule(const char* problem = kProblem) {
  return to_text(default_cpu_schedule(lower(problem_from_text(problem), target())));
}

/// The rule's schedule with another number of rows in a block.
std::string other(int oh_block, const char* problem = kProblem) {
  CpuSchedule schedule = default_cpu_schedule(lower(problem_from_text(problem), target()));
  schedule.block.oh_block = oh_block;
  return to_text(schedule);
}

/// Final rounds in a store of their own.
class ExportTest : public testing::Test {
 protected:
  struct Entry {
    std::string schedule;
    double ratio;
    TrialStatus status = TrialStatus::ok;
  };

  TrialRecord record(const Entry& entry, const char* problem) const {
    TrialRecord record = example_record(0);
    record.kind = TrialKind::final_round;
    record.context = context;
    record.trial.candidate = {problem, kTarget, entry.schedule};
    record.trial.status = entry.status;
    record.trial.yardstick_seconds = 2e-4;
    record.trial.seconds = entry.ratio * 2e-4;
    return record;
  }

  /// The entries after the rule, which is always the first.
  void add_round(const std::vector<Entry>& entries, const char* problem = kProblem,
                 TrialStatus rule_status = TrialStatus::ok) {
    std::vector<TrialRecord> records = {record({rule(problem), 1, rule_status}, problem)};
    for (const Entry& entry : entries) records.push_back(record(entry, problem));
    store.add(records);
  }

  /// "SOURCE SCHEDULE" of the row.
  std::string exported(const char* problem = kProblem, const std::string& machine = {}) const {
    const Lockfile lockfile = export_lock(store, machine);
    const LockRow* row = lockfile.row(problem_from_text(problem), target());
    return row == nullptr ? "no row" : std::string(to_text(row->record.source)) + " " + to_text(row->schedule);
  }

  TestFolder folder;
  RecordStore store{folder / "s.db"};
  TrialContext context = example_context();
};

TEST_F(ExportTest, TheFastestOfARoundWithItsFigures) {
  add_round({{other(2), 0.8}, {other(7), 0.712345678}, {other(14), 0.9}});
  EXPECT_EQ(exported(), "tuned " + other(7));
  const Lockfile lockfile = export_lock(store);
  const Record& record = lockfile.row(problem_from_text(kProblem), target())->record;
  EXPECT_EQ(record.seconds, 1.425e-4);  // four digits
  EXPECT_EQ(record.ratio, 0.7123);
  EXPECT_EQ(record.spread, 0.01);
  EXPECT_EQ(record.samples, 123);
  EXPECT_EQ(record.threads, 2);
  EXPECT_EQ(record.machine, context.machine);
  EXPECT_EQ(record.versions, context.versions);
  EXPECT_EQ(Lockfile::from_text(lockfile.text()).text(), lockfile.text());
}

TEST_F(ExportTest, TheRuleWhereNothingIsFaster) {
  add_round({{other(2), 1.01}, {other(7), 1}});
  EXPECT_EQ(exported(), "rule " + rule());
  const Record record = export_lock(store).row(problem_from_text(kProblem), target())->record;
  EXPECT_EQ(record.seconds, 2e-4);
  EXPECT_EQ(record.ratio, std::nullopt);
}

TEST_F(ExportTest, NeverWhatFailedOrHalidesOrWhatIsRefused) {
  for (int status = 1; status < kTrialStatuses; ++status)
    add_round({{other(2), 0.9}, {other(7), 0.1, static_cast<TrialStatus>(status)}});
  EXPECT_EQ(exported(), "tuned " + other(2));
  CpuSchedule refused = default_cpu_schedule(lower(problem_from_text(kProblem), target()));
  refused.pointwise->mr = 60;  // sums that no register file holds
  ASSERT_TRUE(reject_reason(refused, lower(problem_from_text(kProblem), target())));
  add_round({{other(2), 0.9}, {"halide-adams2019", 0.2}, {to_text(refused), 0.1}, {"block_what7", 0.1}, {"", 0.1}});
  EXPECT_EQ(exported(), "tuned " + other(2));
}

TEST_F(ExportTest, NothingForTimesThatAreNone) {
  add_round({{other(2), 0}, {other(7), -0.5}});
  EXPECT_EQ(exported(), "rule " + rule());
}

TEST_F(ExportTest, TheLastRoundCounts) {
  add_round({{other(2), 0.5}});
  add_round({{other(7), 0.9}});
  EXPECT_EQ(exported(), "tuned " + other(7));
  add_round({{other(2), 1.2}});
  EXPECT_EQ(exported(), "rule " + rule());
  add_round({{other(2), 0.1, TrialStatus::wrong_value}}, kProblem, TrialStatus::run_timeout);
  EXPECT_EQ(exported(), "no row");
}

TEST_F(ExportTest, TheLeastTimeWhereTheRuleFailed) {
  add_round({{other(2), 0.9}, {other(7), 0.8}}, kProblem, TrialStatus::run_crashed);
  EXPECT_EQ(exported(), "tuned " + other(7));
}

TEST_F(ExportTest, TiesGoToTheFirstText) {
  add_round({{other(7), 0.8}, {other(2), 0.8}});
  EXPECT_EQ(exported(), "tuned " + std::min(other(2), other(7)));
}

TEST_F(ExportTest, SearchTrialsAloneGiveNoRow) {
  TrialRecord trial = record({other(2), 0.1}, kProblem);
  trial.kind = TrialKind::search;
  store.add({trial});
  EXPECT_EQ(exported(), "no row");
  add_round({{other(7), 0.9}});
  EXPECT_EQ(exported(), "tuned " + other(7));
}

TEST_F(ExportTest, EachProblemForItself) {
  std::vector<TrialRecord> both;  // in one batch
  for (const char* problem : {kProblem, kOtherProblem}) {
    both.push_back(record({rule(problem), 1}, problem));
    both.push_back(record({other(2, problem), problem == kProblem ? 0.9 : 1.1}, problem));
  }
  store.add(both);
  EXPECT_EQ(exported(kProblem), "tuned " + other(2));
  EXPECT_EQ(exported(kOtherProblem), "rule " + rule(kOtherProblem));
}

TEST_F(ExportTest, AsksForTheMachineWhereThereAreSeveral) {
  add_round({{other(2), 0.9}});
  context.machine = "another machine";
  add_round({{other(7), 0.9}});
  EXPECT_EQ(
      message_of<std::invalid_argument>([&] { export_lock(store); }),
      "record store: it has final rounds of several machines; name one of 'a CPU with 2 cores', 'another machine'");
  EXPECT_EQ(message_of<std::invalid_argument>([&] { export_lock(store, "mine"); }),
            "record store: it has no final rounds of machine 'mine'; it has 'a CPU with 2 cores', 'another machine'");
  EXPECT_EQ(exported(kProblem, "another machine"), "tuned " + other(7));
  EXPECT_EQ(exported(kProblem, "a CPU with 2 cores"), "tuned " + other(2));
}

TEST_F(ExportTest, SchedulesOfAnotherVersionMeanNothing) {
  add_round({{other(2), 0.9}});
  context.versions["schedule"] = "1";
  add_round({{other(7), 0.5}});
  EXPECT_EQ(exported(), "tuned " + other(2));
}

TEST_F(ExportTest, ProblemsAndTargetsThatAreNotKnownHaveNoRow) {
  TrialRecord problem = record({rule(), 1}, "f32_what"), target = record({rule(), 1}, kProblem);
  target.trial.candidate.target = "x86-64-avx1024";
  store.add({problem});
  store.add({target});
  EXPECT_EQ(export_lock(store).size(), 0u);
}

TEST_F(ExportTest, TheSameRecordsGiveTheSameBytes) {
  const TestFolder second_folder;
  RecordStore second(second_folder / "other order.db");
  std::vector<TrialRecord> forwards, backwards;
  for (const char* problem : {kProblem, kOtherProblem})
    for (const Entry& entry : {Entry{rule(problem), 1}, Entry{other(2, problem), 0.9}, Entry{other(7, problem), 0.8}})
      forwards.push_back(record(entry, problem));
  for (const int i : {3, 5, 4, 0, 2, 1}) backwards.push_back(forwards[static_cast<std::size_t>(i)]);
  store.add(forwards);
  second.add(backwards);
  EXPECT_EQ(export_lock(store).size(), 2u);
  EXPECT_EQ(export_lock(store).text(), export_lock(second).text());
}

TEST_F(ExportTest, RowsBecomeCandidatesAgain) {
  add_round({{other(2), 0.9}});
  add_round({{other(2, kOtherProblem), 1.1}}, kOtherProblem);
  const std::vector<Candidate> candidates = import_lock(export_lock(store));
  ASSERT_EQ(candidates.size(), 2u);
  EXPECT_EQ(candidates[0], (Candidate{kOtherProblem, kTarget, rule(kOtherProblem)}));  // in the lockfile's order
  EXPECT_EQ(candidates[1], (Candidate{kProblem, kTarget, other(2)}));
  EXPECT_TRUE(import_lock(Lockfile()).empty());
}

TEST_F(ExportTest, AnEmptyStoreGivesNoRows) { EXPECT_EQ(export_lock(store).size(), 0u); }

}  // namespace
}  // namespace sepconv::test
