// The plain words of schedules and targets: text forms, refusals, and the rule that picks a schedule.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "generators/spec/schedule.h"
#include "generators/spec/schedule_fields.h"
#include "generators/spec/target.h"
#include "sepconv/detail/compiled_kernel.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;

namespace {

std::string error_of(const std::string& text) {
  try {
    schedule_from_text(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(ScheduleText, HoldsTheGivenParts) {
  const std::string text = "block_fuse0_flat1_oh7_ow56.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1";
  const CpuSchedule schedule = schedule_from_text(text);
  EXPECT_EQ(schedule.block.fuse, 0);
  EXPECT_EQ(schedule.block.ow_block, 56);
  EXPECT_EQ(schedule.depthwise->c_tile, 8);
  EXPECT_EQ(schedule.pointwise->nr, 16);
  EXPECT_EQ(to_text(schedule), text);
  EXPECT_FALSE(schedule_from_text("block_fuse1_flat0_oh1_ow6.pw_mr6_nr16_ku2_vf1").depthwise.has_value());
}

TEST(ScheduleText, RefusesWhatItDoesNotKnowAndNamesIt) {
  EXPECT_NE(error_of("").find("''"), std::string::npos);
  EXPECT_NE(error_of("dw_c8_ow4_pad1").find("'block' is missing"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_oh7").find("'ow'"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_oh7_ow56_zz1").find("'zz1'"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_ohx_ow56").find("'x'"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_oh7_ow99999999999").find("'99999999999'"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_oh7_ow56.gpu_x1").find("'gpu_x1'"), std::string::npos);
  EXPECT_NE(error_of("block_fuse1_flat1_oh7_ow56.block_fuse1_flat1_oh7_ow56").find("at most once"), std::string::npos);
}

TEST(RejectReason, NamesTheFieldAndTheSum) {
  const Target& avx2 = target_from_name("x86-64-avx2");
  const ConvProblem problem = problem_from_text("f32_nhwc_i56x56x128.dw_k3x3_p1x1x1x1.conv_o128_k1x1.bias.relu");
  const auto reason = [&](const char* text) { return reject_reason(schedule_from_text(text), lower(problem, avx2)); };
  EXPECT_EQ(reason("block_fuse1_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1"), std::nullopt);
  EXPECT_NE(reason("block_fuse1_flat1_oh4_ow56.dw_c16_ow4_pad1.pw_mr7_nr16_ku2_vf1")->find("17 registers"),
            std::string::npos);
  EXPECT_NE(reason("block_fuse1_flat1_oh4_ow56.dw_c16_ow8_pad1.pw_mr6_nr16_ku2_vf1")->find("dw.ow=8"),
            std::string::npos);
  EXPECT_NE(reason("block_fuse1_flat1_oh4_ow28.dw_c16_ow4_pad1.pw_mr6_nr16_ku2_vf1")->find("whole rows"),
            std::string::npos);
  EXPECT_NE(reason("block_fuse1_flat1_oh4_ow56.pw_mr6_nr16_ku2_vf1")->find("'dw' is missing"), std::string::npos);
}

TEST(DefaultSchedule, IsNeverOneThatTheGeneratorRefuses) {
  int checked = 0;
  std::vector<Target> targets = native_cpu_targets();
  targets.push_back(target_from_name("arm-64"));
  for (const Target& target : targets)
    for (const char* op : {"depthwise", "pointwise", "separable"})
      for (Layout layout : {Layout::nhwc, Layout::nchw})
        for (int extent : {1, 2, 3, 7, 13, 19, 56, 400})
          for (int channels : {1, 2, 3, 4, 7, 8, 16, 17, 33, 728})
            for (int height : {1, extent})
              for (bool dynamic : {false, true}) {
                ConvProblem p = problem_of(separable_stages());
                p.stages = stages_named(op);
                p.layout = layout;
                p.IH = height, p.IW = extent, p.IC = channels, set_out_channels(p, channels);
                if (p.has(StageKind::depthwise)) window(p).KW = 3, window(p).pad_left = window(p).pad_right = 1;
                if (dynamic) p = with_dynamic_extents(p);
                validate(p);
                const CpuSchedule schedule = default_cpu_schedule(lower(p, target));
                EXPECT_EQ(reject_reason(schedule, lower(p, target)), std::nullopt)
                    << to_text(p) << " " << to_text(schedule) << " " << target.name;
                ++checked;
              }
  EXPECT_EQ(checked, int(targets.size()) * 3 * 2 * 8 * 10 * 2 * 2);
}

TEST(DefaultSchedule, LeavesRegistersForTheElementsThatArmMultipliesBy) {
  const Target& arm = target_from_name("arm-64");
  for (Layout layout : {Layout::nhwc, Layout::nchw})
    for (int extent : {1, 2, 7, 10, 14, 56})
      for (int channels : {3, 8, 12, 17, 32, 45, 512, 728}) {
        ConvProblem p = problem_of(separable_stages());
        p.layout = layout;
        p.IH = p.IW = extent, p.IC = channels, set_out_channels(p, channels);
        window(p).KH = window(p).KW = 3;
        window(p).pad_top = window(p).pad_bottom = window(p).pad_left = window(p).pad_right = 1;
        const CpuSchedule schedule = default_cpu_schedule(lower(p, arm));
        EXPECT_LE(schedule.pointwise->mr * schedule.pointwise->nr, 24 * arm.lanes) << to_text(schedule);
      }
  ConvProblem p = problem_of(separable_stages());
  p.IH = p.IW = 7, p.IC = 64;
  window(p).KH = window(p).KW = 3;
  window(p).pad_top = window(p).pad_bottom = window(p).pad_left = window(p).pad_right = 1;
  p.stages.back().out_channels = 48;  // 49 pixels divide into sevens, 48 filters into twelves
  EXPECT_EQ(default_cpu_schedule(lower(p, arm)).pointwise->nr, 12) << to_text(default_cpu_schedule(lower(p, arm)));
  p.stages.back().out_channels = 8;
  EXPECT_EQ(default_cpu_schedule(lower(p, arm)).pointwise->nr, 8) << to_text(default_cpu_schedule(lower(p, arm)));
}

TEST(Targets, SayWhyTheyAreRefused) {
  for (const RefusedTarget& refused : refused_targets()) {
    try {
      target_from_name(refused.name);
      ADD_FAILURE() << refused.name << " was taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(refused.reason), std::string::npos) << error.what();
    }
    for (const Target& target : all_targets()) EXPECT_NE(target.name, refused.name);
  }
  EXPECT_FALSE(refused_targets().empty());
}

TEST(Targets, OfOneTypeServeNoOther) {
  EXPECT_TRUE(serves(target_from_name("arm-64-fp16"), DataType::float16));
  EXPECT_FALSE(serves(target_from_name("arm-64-fp16"), DataType::float32));
  EXPECT_TRUE(serves(target_from_name("arm-64"), DataType::float16));
}

TEST(Targets, AreSortedAndRankedByWhatTheyRequire) {
  const std::vector<Target>& targets = native_cpu_targets();
  EXPECT_TRUE(
      std::is_sorted(targets.begin(), targets.end(), [](const Target& a, const Target& b) { return a.name < b.name; }));
  for (const Target& a : targets)
    for (const Target& b : targets)
      if (a.rank < b.rank) {
        EXPECT_EQ(a.required_features & b.required_features, a.required_features);
      }
  EXPECT_TRUE(target_from_name("x86-64-avx512").required_features & kCpuAvx512Skylake);
  EXPECT_THROW(
      {
        try {
          target_from_name("x86-64-avx3");
        } catch (const std::invalid_argument& error) {
          for (const Target& target : all_targets())
            EXPECT_NE(std::string(error.what()).find(target.name), std::string::npos) << target.name;
          throw;
        }
      },
      std::invalid_argument);
}

TEST(Targets, SayWhatTheirFeaturesCan) {
  for (const Target& target : all_targets()) {
    if (target.device != Device::cpu) continue;
    const std::uint64_t features = target.required_features;
    EXPECT_EQ(target.fuses_multiply_add, (features & (kCpuFma | kCpuNeon)) != 0) << target.name;
    EXPECT_EQ(target.converts_float16, (features & (kCpuF16c | kCpuFp16)) != 0) << target.name;
  }
}

TEST(Targets, HaveMicroTilesForEveryProblemThatFitTheRegisters) {
  for (const Target& target : all_targets()) {
    if (target.device != Device::cpu) continue;
    ASSERT_FALSE(target.rules.micro_tiles.empty()) << target.name;
    const MicroTiles& last = target.rules.micro_tiles.back();
    EXPECT_EQ(last.problems, TileCase::any) << target.name;
    EXPECT_EQ(last.least_terms, 0) << target.name;
    EXPECT_EQ(last.most_terms, MicroTiles{}.most_terms) << target.name;
    for (const MicroTiles& line : target.rules.micro_tiles) {
      EXPECT_FALSE(line.tiles.empty()) << target.name;
      for (const MicroTile& tile : line.tiles) {
        EXPECT_LE(tile.vectors * tile.scalars + tile.vectors, target.registers - 1) << target.name;
        EXPECT_LE(tile.scalars, target.rules.most_scalars) << target.name << ": a search does not try its own rule's";
      }
    }
  }
}

TEST(Schedule, LeavesNeutralValuesOfLaterFieldsOutOfTheText) {
  const std::string old = "block_fuse1_flat1_oh7_ow56.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1";
  const std::string with = "block_fuse1_flat1_oh7_ow56_spread16.dw_c8_ow4_pad1_ku3.pw_mr6_nr16_ku2_vf1";
  EXPECT_EQ(to_text(schedule_from_text(old)), old);
  EXPECT_EQ(schedule_from_text(old).block.spread, 0);
  EXPECT_EQ(to_text(schedule_from_text(with)), with);
  EXPECT_EQ(schedule_from_text(with).depthwise->k_unroll, 3);
  EXPECT_EQ(schedule_from_text(with).depthwise->c_block, 0);
  const std::string blocked = "block_fuse1_flat0_oh9_ow12.dw_c8_ow4_pad0_cb64";
  EXPECT_EQ(to_text(schedule_from_text(blocked)), blocked);
  EXPECT_EQ(schedule_from_text(blocked).depthwise->c_block, 64);
  const std::string transposed = "block_fuse1_flat2_oh7_ow14.dw_c16_ow4_pad1_vc1.pw_mr4_nr24_ku4_vf1";
  EXPECT_EQ(to_text(schedule_from_text(transposed)), transposed);
  EXPECT_EQ(schedule_from_text(transposed).depthwise->vector_c, 1);
  EXPECT_EQ(schedule_from_text(blocked).depthwise->vector_c, 0);
  EXPECT_EQ(to_text(schedule_from_text("block_fuse1_flat1_oh7_ow56_spread0.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1")), old);
  for (const char* wrong : {"block_fuse1_flat1_oh7_ow56_spread.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1",
                            "block_fuse1_flat1_oh7_ow56_spread16_spread16.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1",
                            "block_fuse1_flat1_oh7_spread16_ow56.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1"})
    EXPECT_THROW(schedule_from_text(wrong), std::invalid_argument) << wrong;
}

TEST(Schedule, TransposesOnlyWhatItCan) {
  const Target& target = target_from_name("x86-64-avx2");
  const auto reason = [&](const char* problem, const char* schedule) {
    return reject_reason(schedule_from_text(schedule), lower(problem_from_text(problem), target)).value_or("");
  };
  constexpr const char* nchw = "f32_nchw_i14x14x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu";
  EXPECT_EQ(reason(nchw, "block_fuse1_flat2_oh14_ow14_spread8.dw_c16_ow4_pad1_vc1.pw_mr4_nr24_ku4_vf1"), "");
  struct Refused {
    const char *problem, *schedule;
  };
  for (const Refused& refused : {
           Refused{nchw, "block_fuse1_flat2_oh14_ow14.dw_c16_ow4_pad0_vc1.pw_mr4_nr24_ku4_vf1"},
           Refused{nchw, "block_fuse1_flat2_oh14_ow14.dw_c16_ow4_pad1_vc1.pw_mr16_nr4_ku4_vf0"},
           Refused{nchw, "block_fuse1_flat0_oh14_ow8.dw_c16_ow4_pad1_vc1.pw_mr4_nr24_ku4_vf1"},
           Refused{"f32_nhwc_i14x14x64.dw_k3x3_p1x1x1x1.conv_o64_k1x1.bias.relu",
                   "block_fuse1_flat2_oh14_ow14.dw_c16_ow4_pad1_vc1.pw_mr4_nr24_ku4_vf1"},
           Refused{"f32_nchw_i14x14x64.dw_k3x3_p1x1x1x1.bias.relu", "block_fuse1_flat0_oh14_ow16.dw_c16_ow4_pad1_vc1"},
       })
    EXPECT_EQ(reason(refused.problem, refused.schedule).substr(0, 6), "dw.vc=") << refused.schedule;
  // The sums of a tile are counted along the side that its vectors have, and scratch without it is not spread.
  EXPECT_EQ(reason(nchw, "block_fuse1_flat2_oh14_ow14.dw_c16_ow8_pad1_vc1.pw_mr4_nr24_ku4_vf1").substr(0, 5), "dw.ow");
  EXPECT_EQ(reason(nchw, "block_fuse1_flat2_oh14_ow14_spread8.dw_c4_ow8_pad1.pw_mr4_nr24_ku4_vf1").substr(0, 5),
            "block");
}

TEST(ScheduleText, ModesHaveNoOtherValues) {
  for (const auto& [text, field] : {std::pair{"block_fuse2_flat0_oh1_ow8.dw_c8_ow4_pad1", "block.fuse=2"},
                                    std::pair{"block_fuse1_flat3_oh1_ow8.dw_c8_ow4_pad1", "block.flat=3"},
                                    std::pair{"block_fuse1_flat0_oh1_ow8.dw_c8_ow4_pad-1", "dw.pad=-1"},
                                    std::pair{"block_fuse1_flat0_oh1_ow8.dw_c8_ow4_pad1_vc2", "dw.vc=2"}}) {
    try {
      schedule_from_text(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(field), std::string::npos) << error.what();
    }
  }
}

/// docs/adding_a_kernel.md has what `sepconv-generator --fields` prints.
TEST(ScheduleFields, StandInTheDocumentAsTheyAre) {
  std::ifstream file(SEPCONV_ADDING_A_KERNEL);
  const std::string text{std::istreambuf_iterator<char>(file), {}}, begin = "<!-- fields -->\n";
  const std::size_t from = text.find(begin), to = text.find("<!-- /fields -->");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(text.substr(from + begin.size(), to - from - begin.size()), field_table())
      << "put there what sepconv-generator --fields prints";
}

TEST(Schedule, TheRuleTransposesSmallImagesOfManyChannelsInNchw) {
  const auto transposed = [](const char* problem, const char* target) {
    const ConvProblem p = problem_from_text(problem);
    const CpuSchedule schedule = default_cpu_schedule(lower(p, target_from_name(target)));
    EXPECT_EQ(reject_reason(schedule, lower(p, target_from_name(target))), std::nullopt) << to_text(schedule);
    return schedule.depthwise->vector_c != 0;
  };
  constexpr const char* many = "f32_nchw_i14x14x512.dw_k3x3_p1x1x1x1.conv_o512_k1x1.bias.relu";
  EXPECT_TRUE(transposed(many, "x86-64-avx2"));
  EXPECT_FALSE(transposed(many, "x86-64-avx512"));
  EXPECT_FALSE(transposed(many, "arm-64"));
  EXPECT_FALSE(transposed("f32_nchw_i14x14x32.dw_k3x3_p1x1x1x1.conv_o96_k1x1.bias.relu", "x86-64-avx2"));
  EXPECT_FALSE(transposed("f32_nchw_i56x56x128.dw_k3x3_p1x1x1x1.conv_o128_k1x1.bias.relu", "x86-64-avx2"));
  EXPECT_TRUE(transposed("f32_nchw_i5x3x17.dw_k3x3_p1x1x1x1_m2.conv_o9_k1x1.bias.relu", "x86-64-avx2"));
}

TEST(Schedule, WhatCannotBeAddressedIsRefused) {
  const Target& target = target_from_name("x86-64-avx2");
  const auto reason = [&](const char* problem, const char* schedule) {
    return reject_reason(schedule_from_text(schedule), lower(problem_from_text(problem), target)).value_or("");
  };
  // A copy of 2^28 columns of 4 channels: 2^32 bytes, which Halide takes for 0.
  const char* dilated = "f32_nhwc_i1x16x3.dw_k1x2_d1x268435454_p0x0x134217727x134217727.bias";
  EXPECT_NE(reason(dilated, "block_fuse1_flat0_oh1_ow16.dw_c4_ow4_pad1").find("dw.pad=1: the copy of a block's input"),
            std::string::npos);
  EXPECT_EQ(default_cpu_schedule(lower(problem_from_text(dilated), target)).depthwise->pad_tile, 0);
  // The columns of a block, in a lockfile.
  const char* wide = "f32_nhwc_i1x64x64.dw_k1x2_p0x0x0x1.conv_o8_k1x1.bias";
  EXPECT_NE(reason(wide, "block_fuse1_flat0_oh1_ow8388612.dw_c16_ow4_pad0.pw_mr4_nr8_ku2_vf1").find("block.ow=8388612"),
            std::string::npos);
  // A phase of a stride in nchw is code of its own.
  const char* strided = "f32_nchw_i8x8x3.dw_k3x3_s50000x50000.bias";
  EXPECT_NE(reason(strided, "block_fuse1_flat0_oh1_ow1.dw_c1_ow1_pad1").find("50000 phases"), std::string::npos);
  EXPECT_EQ(default_cpu_schedule(lower(problem_from_text(strided), target)).depthwise->pad_tile, 0);
}

}  // namespace
}  // namespace sepconv::test
