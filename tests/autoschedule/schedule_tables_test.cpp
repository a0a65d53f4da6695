#include "autoschedule/schedule_tables.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sepconv::test {

using namespace generators;
using namespace autoschedule;

namespace {

const char* const kTuned = "f32_nhwc_i28x28x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu6";
const char* const kSchedule = "block_fuse1_flat1_oh4_ow28.dw_c8_ow4_pad1.pw_mr4_nr16_ku4_vf1";

class ScheduleTablesTest : public testing::Test {
 protected:
  ScheduleTablesTest() {
    std::filesystem::create_directories(folder_);
    Record record;
    record.source = RecordSource::tuned;
    record.seconds = 1e-4;
    record.machine = "a machine";
    Lockfile table;
    table.set(problem_from_text(kTuned), target_, {schedule_from_text(kSchedule), record});
    table.write(folder_ / "x86-64-avx2.lock.json");
  }
  ~ScheduleTablesTest() override { std::filesystem::remove_all(folder_); }

  const LockRow* row(const std::string& problem, const char* target = "x86-64-avx2") {
    return tables_.row(problem_from_text(problem), target_from_name(target));
  }

  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("sepconv_tables_" + std::to_string(::getpid()));
  const Target& target_ = target_from_name("x86-64-avx2");
  ScheduleTables tables_{folder_};
};

TEST_F(ScheduleTablesTest, FindsTheProblemAndOnesThatDifferInNoLoop) {
  ASSERT_NE(row(kTuned), nullptr);
  EXPECT_EQ(to_text(row(kTuned)->schedule), kSchedule);
  const LockRow* other_activation = row("f32_nhwc_i28x28x64.dw_k3x3_p1x1x1x1.bias.relu.conv_o64_k1x1");
  ASSERT_NE(other_activation, nullptr);
  EXPECT_EQ(to_text(other_activation->schedule), kSchedule);
}

TEST_F(ScheduleTablesTest, FindsNothingForOtherLoopsTypesAndTargets) {
  for (const char* other : {"f32_nhwc_i28x28x64.dw_k3x3_p1x1x1x1.conv_o96_k1x1.bias.relu6",
                            "f32_nhwc_i28x28x64.dw_k3x3_d2x2_p2x2x2x2.conv_o64_k1x1.bias.relu6",
                            "f16_nhwc_i28x28x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu6",
                            "f32_nchw_i28x28x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu6"})
    EXPECT_EQ(row(other), nullptr) << other;
  EXPECT_EQ(row(kTuned, "x86-64-sse41"), nullptr);
}

TEST_F(ScheduleTablesTest, TheUsersLockfileComesFirst) {
  Lockfile lock;
  const KnownSchedules tables_only(nullptr, &tables_), both(&lock, &tables_), neither(nullptr, nullptr);
  const ConvProblem problem = problem_from_text(kTuned);
  EXPECT_EQ(to_text(tables_only.find(problem, target_).value()), kSchedule);
  EXPECT_EQ(to_text(both.find(problem, target_).value()), kSchedule);
  EXPECT_EQ(neither.find(problem, target_), std::nullopt);
  const Schedule users = default_schedule(lower(problem, target_));
  lock.set(problem, target_, {users, Record{}});
  EXPECT_EQ(to_text(both.find(problem, target_).value()), to_text(users));
}

TEST_F(ScheduleTablesTest, BlocksAreMadeForThreadsUnlessTheyAreTheUsers) {
  const ConvProblem problem = problem_from_text(kTuned);
  const KnownSchedules table(nullptr, &tables_, 2);
  EXPECT_EQ(to_text(table.find(problem, target_).value()),
            to_text(blocks_for_threads(schedule_from_text(kSchedule), lower(problem, target_), 2)));
  EXPECT_NE(to_text(table.find(problem, target_).value()), kSchedule);  // seven blocks
  Lockfile lock;
  lock.set(problem, target_, {schedule_from_text(kSchedule), Record{}});
  EXPECT_EQ(to_text(KnownSchedules(&lock, &tables_, 2).find(problem, target_).value()), kSchedule);
}

TEST_F(ScheduleTablesTest, ADamagedTableIsNamed) {
  std::ofstream(folder_ / "x86-64-sse41.lock.json") << "{";
  try {
    row(kTuned, "x86-64-sse41");
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("x86-64-sse41.lock.json"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace sepconv::test
