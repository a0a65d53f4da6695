// Lockfiles and stores of the text form that problems had until November 2026 (tests/data/tuning_v1, cut from a tuning
// run of that time) are still read.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "autoschedule/lockfile.h"
#include "autoschedule/old_problem_text.h"
#include "autoschedule/records/export_lock.h"
#include "autoschedule/records/record_store.h"
#include "autoschedule/records/sqlite.h"
#include "generators/compile/files.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

namespace fs = std::filesystem;

const fs::path kData = SEPCONV_OLD_TUNING;
constexpr const char* kTarget = "x86-64-avx512";

TEST(OldProblemText, IsTodaysText) {
  const std::string window = "_k3x3_s2x1_d1x1_p0x1x0x1_m2", plain = "_k3x3_s1x1_d1x1_p0x0x0x0_m1";
  const std::pair<std::string, std::string> texts[] = {
      {"separable_f32_nhwc_i9x8x4_o6" + window + "_mid-bias-relu6_out-bias-hard_sigmoid_keras2",
       "f32_nhwc_i9x8x4.dw_k3x3_s2x1_p0x1x0x1_m2.bias.relu6.conv_o6_k1x1.bias.hard_sigmoid_keras2"},
      {"separable_f32strict_nchw_i?x?x4_o6_k3x3_s1x1_d1x2_p?x?x?x?_m1_mid-nobias-linear_out-nobias-relu(0.1;4;0.5)",
       "f32strict_nchw_i?x?x4.dw_k3x3_d1x2_p?x?x?x?.conv_o6_k1x1.relu(0.1;4;0.5)"},
      {"depthwise_bf16_nhwc_i9x8x4_o4" + plain + "_out-nobias-linear", "bf16_nhwc_i9x8x4.dw_k3x3"},
      {"pointwise_f64_nhwc_i9x8x4_o6_k1x1_s2x2_d1x1_p0x0x0x0_m1_out-bias-softmax",
       "f64_nhwc_i9x8x4.conv_o6_k1x1_s2x2.bias.softmax"},
  };
  for (const auto& [old, today] : texts) {
    EXPECT_EQ(current_problem_text(old), today);
    EXPECT_EQ(to_text(problem_from_text(today)), today);
    EXPECT_EQ(current_problem_text(today), today);
  }
  for (const char* text :
       {"", "_out-", "separable_f32", "other_f32_nhwc_i9x8x4_o4_k3x3_s1x1_d1x1_p0x0x0x0_m1_out-bias-relu",
        "depthwise_f32_nhwc_i9x8x4_o4_k3x3_s1x1_d1x1_p0x0x0x0_m1_out-relu"})
    EXPECT_EQ(current_problem_text(text), text);
}

TEST(OldLockfile, IsReadAndWrittenInTodaysForm) {
  const Lockfile lockfile = Lockfile::read(kData / "old.lock.json");
  ASSERT_EQ(lockfile.rows().size(), 4u);
  for (const auto& [key, row] : lockfile.rows()) EXPECT_EQ(to_text(problem_from_text(key.first)), key.first);
  const std::string text = lockfile.text();
  EXPECT_NE(text.find("\"version\": 2"), std::string::npos);
  EXPECT_EQ(Lockfile::from_text(text).text(), text);
}

/// A copy of the old store in a folder of its own.
class OldStore : public testing::Test {
 protected:
  OldStore() { fs::copy_file(kData / "old.lock.sqlite", path_, fs::copy_options::overwrite_existing); }

  static void expect_todays(const std::vector<TrialRecord>& records) {
    ASSERT_FALSE(records.empty());
    for (const TrialRecord& record : records) {
      const std::string& problem = record.trial.candidate.problem;
      EXPECT_EQ(to_text(problem_from_text(problem)), problem);
    }
  }

  TempDir folder_;
  const fs::path path_ = folder_.path() / "old.lock.sqlite";
};

TEST_F(OldStore, IsReadWithoutBeingChanged) {
  const std::string before = read_file(path_);
  const RecordStore store(path_, RecordStore::Access::read_only);
  const std::vector<TrialRecord> records = store.records();
  expect_todays(records);
  RecordStore::Filter filter;
  filter.problem = records.front().trial.candidate.problem;
  EXPECT_FALSE(store.records(filter).empty());
  EXPECT_EQ(read_file(path_), before);
}

TEST_F(OldStore, IsBroughtToTodaysFormWhenItIsWritten) {
  std::size_t count = 0;
  {
    RecordStore store(path_);
    const std::vector<TrialRecord> records = store.records();
    expect_todays(records);
    count = records.size();
    for (const TrialRecord& record : records)
      if (record.kind == TrialKind::search) {
        EXPECT_TRUE(store.find(record.trial.candidate, record.context));
      }
    store.add(records);  // the search trials are there already
  }
  const sqlite::Database database(path_, sqlite::Database::Mode::query);
  EXPECT_EQ(database.integer("PRAGMA user_version"), 2);
  EXPECT_EQ(database.integer("SELECT count(*) FROM tasks WHERE problem LIKE '%\\_out-%' ESCAPE '\\'"), 0);
  EXPECT_GE(RecordStore(path_, RecordStore::Access::read_only).records().size(), count);
}

TEST_F(OldStore, GivesRowsToALockfile) {
  const RecordStore store(path_, RecordStore::Access::read_only);
  EXPECT_EQ(export_lock(store).rows().size(), 2u);
}

}  // namespace
}  // namespace sepconv::test
