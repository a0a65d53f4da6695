// What is put into a store comes out of it again.

#include "autoschedule/records/record_store.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/autoschedule/records/example_trials.h"

namespace sepconv::test {

using namespace autoschedule;

namespace {

/// Of everything but id and batch, which the store gives.
void expect_same(const TrialRecord& got, const TrialRecord& wanted) {
  EXPECT_EQ(got.trial.candidate, wanted.trial.candidate);
  EXPECT_EQ(got.trial.status, wanted.trial.status);
  EXPECT_EQ(got.trial.message, wanted.trial.message);
  EXPECT_EQ(got.trial.seconds, wanted.trial.seconds);
  EXPECT_EQ(got.trial.seconds_min, wanted.trial.seconds_min);
  EXPECT_EQ(got.trial.spread, wanted.trial.spread);
  EXPECT_EQ(got.trial.samples, wanted.trial.samples);
  EXPECT_EQ(got.trial.cold_seconds, wanted.trial.cold_seconds);
  EXPECT_EQ(got.trial.yardstick_seconds, wanted.trial.yardstick_seconds);
  EXPECT_EQ(got.trial.max_error, wanted.trial.max_error);
  EXPECT_EQ(got.trial.limit, wanted.trial.limit);
  EXPECT_EQ(got.trial.build_seconds, wanted.trial.build_seconds);
  EXPECT_EQ(got.kind, wanted.kind);
  EXPECT_EQ(got.context, wanted.context);
  EXPECT_EQ(got.origin, wanted.origin);
  EXPECT_EQ(got.unix_time, wanted.unix_time);
}

TEST(RecordStore, KeepsEveryField) {
  const TestFolder folder;
  TrialRecord second = example_record(2);
  second.kind = TrialKind::final_round;
  {
    RecordStore store(folder / "s.db");
    store.add({example_record(1), second});
  }
  const RecordStore again(folder / "s.db", RecordStore::Access::read_only);
  const auto records = again.records();
  ASSERT_EQ(records.size(), 2u);
  expect_same(records[0], example_record(1));
  expect_same(records[1], second);
  EXPECT_LT(records[0].id, records[1].id);
}

TEST(RecordStore, KeepsEveryStatus) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  for (int i = 0; i < kTrialStatuses; ++i) {
    TrialRecord record = example_record(i);
    record.trial.status = static_cast<TrialStatus>(i);
    store.add({record});
    expect_same(store.records().back(), record);
  }
}

TEST(RecordStore, KeepsOddTexts) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord record = example_record(0);
  record.trial.message =
      std::string("a zero \0, a quote ', \"; DROP TABLE trials; -- \xff\xfe \n\r\t \xe2\x82\xac", 54);
  record.trial.candidate.schedule = std::string(100'000, 's') + "'";
  record.context.machine = "Intel(R) \xc3\xa9 \"quoted\" \\ %s ?1";
  record.context.versions = {{"", ""}, {"\"{},:", "\\\xe2\x82\xac"}};
  record.origin = "";
  store.add({record});
  ASSERT_EQ(store.records().size(), 1u);
  expect_same(store.records()[0], record);
  ASSERT_TRUE(store.find(record.trial.candidate, record.context));
  RecordStore::Filter filter{record.trial.candidate.problem, "x86-64-avx2", record.context, TrialKind::search};
  EXPECT_EQ(store.records(filter).size(), 1u);
}

TEST(RecordStore, KeepsNumbersToTheLastBit) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord record = example_record(0);
  record.trial.seconds = std::nextafter(0.1, 1.0);
  record.trial.seconds_min = std::numeric_limits<double>::denorm_min();
  record.trial.max_error = std::numeric_limits<double>::infinity();
  record.trial.spread = std::numeric_limits<double>::quiet_NaN();
  store.add({record});
  const Trial trial = store.records()[0].trial;
  EXPECT_EQ(trial.seconds, record.trial.seconds);
  EXPECT_EQ(trial.seconds_min, record.trial.seconds_min);
  EXPECT_EQ(trial.max_error, record.trial.max_error);
  EXPECT_TRUE(std::isnan(trial.spread));
}

TEST(RecordStore, AddsASearchTrialOnce) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord slower = example_record(1);
  slower.trial.seconds = 99;
  store.add({example_record(1)});
  store.add({slower, example_record(2)});
  store.add({example_record(2), example_record(2)});
  ASSERT_EQ(store.records().size(), 2u);
  expect_same(store.records()[0], example_record(1));

  TrialRecord elsewhere = example_record(1), threads = example_record(1), version = example_record(1);
  elsewhere.context.machine = "another CPU";
  threads.context.threads = 7;
  version.context.versions["halide"] = "22.0.0";
  store.add({elsewhere, threads, version});
  EXPECT_EQ(store.records().size(), 5u);
}

TEST(RecordStore, AddsFinalRoundsAgainAndAgain) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord final_round = example_record(1);
  final_round.kind = TrialKind::final_round;
  for (int i = 0; i < 3; ++i) store.add({final_round, final_round});
  const auto records = store.records();
  ASSERT_EQ(records.size(), 6u);
  EXPECT_FALSE(store.find(final_round.trial.candidate, final_round.context));
  EXPECT_EQ(records[0].batch, records[1].batch);
  EXPECT_LT(records[1].batch, records[2].batch);
  EXPECT_EQ(records[4].batch, records[5].batch);
}

TEST(RecordStore, FindsTheTrialOfACandidateInAContext) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  for (int i = 0; i < 5; ++i) store.add({example_record(i)});
  const auto found = store.find(example_record(3).trial.candidate, example_context());
  ASSERT_TRUE(found);
  expect_same(*found, example_record(3));
  Candidate other = example_record(3).trial.candidate;
  other.target = "x86-64-avx512";
  EXPECT_FALSE(store.find(other, example_context()));
  TrialContext context = example_context();
  context.threads = 1;
  EXPECT_FALSE(store.find(example_record(3).trial.candidate, context));
}

TEST(RecordStore, FiltersRecords) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord target = example_record(2), problem = example_record(3), kind = example_record(4), context = kind;
  target.trial.candidate.target = "arm-64";
  problem.trial.candidate.problem = "another";
  kind.kind = TrialKind::final_round;
  context.context.threads = 9;
  store.add({example_record(1), target, problem, kind, context});
  const auto count = [&](const RecordStore::Filter& filter) { return store.records(filter).size(); };
  EXPECT_EQ(count({}), 5u);
  EXPECT_EQ(count({"another", "", {}, {}}), 1u);
  EXPECT_EQ(count({"", "arm-64", {}, {}}), 1u);
  EXPECT_EQ(count({"", "", example_context(), {}}), 4u);
  EXPECT_EQ(count({"", "", {}, TrialKind::final_round}), 1u);
  EXPECT_EQ(count({"another", "arm-64", {}, {}}), 0u);
  EXPECT_EQ(count({"a problem", "x86-64-avx2", example_context(), TrialKind::search}), 1u);
}

TEST(RecordStore, AddsAllOrNothing) {
  const TestFolder folder;
  RecordStore store(folder / "s.db");
  TrialRecord bad = example_record(2);
  bad.context.versions["sepconv"] = "\xff";
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              store.add({example_record(1), bad});
            }).find("not UTF-8"),
            std::string::npos);
  EXPECT_TRUE(store.records().empty());
  store.add({example_record(1)});
  EXPECT_EQ(store.records().size(), 1u);
}

}  // namespace
}  // namespace sepconv::test
