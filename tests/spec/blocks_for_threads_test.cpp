// Blocks that the threads of a call end together.

#include <gtest/gtest.h>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/integers.h"
#include "generators/spec/schedule.h"

namespace sepconv::test {

using namespace generators;

namespace {

const char* const kOdd14 = "f32_nhwc_i14x14x512.dw_k3x3_p1x1x1x1.conv_o512_k1x1.bias.relu";
const char* const kSteps = "f32_nhwc_i1x300x256.dw_k1x33_p0x0x16x16.conv_o256_k1x1.bias.relu";
const char* const kTiny = "f32_nhwc_i8x8x16.dw_k3x3_p1x1x1x1.conv_o16_k1x1.bias.relu";
const char* const kSevenBlocks = "block_fuse1_flat1_oh2_ow14.dw_c16_ow4_pad1.pw_mr4_nr24_ku4_vf1";

class BlocksForThreads : public testing::Test {
 protected:
  CpuSchedule for_threads(const char* problem, const CpuSchedule& schedule, int threads) const {
    return blocks_for_threads(schedule, lower(problem_from_text(problem), target_), threads);
  }
  CpuSchedule rule(const char* problem) const {
    return default_cpu_schedule(lower(problem_from_text(problem), target_));
  }

  const Target& target_ = target_from_name("x86-64-avx2");
};

TEST_F(BlocksForThreads, AnOddNumberOfBlocksBecomesTwoOfOneSize) {
  const CpuSchedule schedule = for_threads(kOdd14, schedule_from_text(kSevenBlocks), 2);
  EXPECT_EQ(schedule.block.oh_block, 7);
  EXPECT_EQ(to_text(schedule).substr(to_text(schedule).find(".dw")),
            std::string(kSevenBlocks).substr(std::string(kSevenBlocks).find(".dw")));
}

TEST_F(BlocksForThreads, MoreThreadsGetMoreBlocks) {
  const CpuSchedule schedule = for_threads(kOdd14, schedule_from_text(kSevenBlocks), 7);
  EXPECT_EQ(ceil_div(14, schedule.block.oh_block) % 7, 0);
}

TEST_F(BlocksForThreads, OneRowIsCutIntoColumns) {
  const ConvProblem problem = problem_from_text(kSteps);
  EXPECT_EQ(ceil_div(problem.OW(), rule(kSteps).block.ow_block), 3);
  const CpuSchedule schedule = for_threads(kSteps, rule(kSteps), 2);
  EXPECT_EQ(ceil_div(problem.OW(), schedule.block.ow_block) % 2, 0) << to_text(schedule);
  EXPECT_FALSE(reject_reason(schedule, lower(problem, target_)));
}

TEST_F(BlocksForThreads, SmallWorkStaysInOneBlock) {
  EXPECT_EQ(to_text(for_threads(kTiny, rule(kTiny), 8)), to_text(rule(kTiny)));
}

TEST_F(BlocksForThreads, OneThreadDynamicExtentsAndGpusKeepTheirSchedule) {
  const CpuSchedule schedule = schedule_from_text(kSevenBlocks);
  EXPECT_EQ(to_text(for_threads(kOdd14, schedule, 1)), kSevenBlocks);
  const ConvProblem dynamic = with_dynamic_extents(problem_from_text(kOdd14));
  const CpuSchedule rule = default_cpu_schedule(lower(dynamic, target_));
  EXPECT_EQ(to_text(blocks_for_threads(rule, lower(dynamic, target_), 2)), to_text(rule));
  const Target& gpu = target_from_name("cuda-sm80");
  const ConvProblem problem = problem_from_text(kOdd14);
  EXPECT_EQ(to_text(default_schedule(lower(problem, gpu), 2)), to_text(default_schedule(lower(problem, gpu))));
}

}  // namespace
}  // namespace sepconv::test
