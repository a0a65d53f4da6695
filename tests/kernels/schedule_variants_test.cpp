// Schedules that the rules do not choose: chosen ones at the edges, and a sample of what reject_reason lets through, of
// which SEPCONV_RANDOM_SEED and SEPCONV_RANDOM_COUNT choose another.

#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "tests/kernels/kernel_batch.h"
#include "tests/kernels/kernel_check.h"
#include "tests/kernels/random_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;

namespace {

constexpr const char* kMobileNet = "f32_nhwc_i9x11x17.dw_k3x3_p1x1x1x1.bias.relu6.conv_o19_k1x1.bias.relu6";
constexpr const char* kUneven = "f32_nhwc_i8x9x12.dw_k3x4_s2x1_d1x2_p0x3x5x1_m2.bias.relu.conv_o21_k1x1";
constexpr const char* kPlanar = "f32_nchw_i7x19x5.dw_k3x3_p2x0x1x1.bias.relu6.conv_o9_k1x1.bias.relu";
constexpr const char* kColours = "f32_nhwc_i13x14x3.dw_k3x3_s2x2_m2.bias.relu6.conv_o10_k1x1.bias.relu";
constexpr const char* kPlanarUneven = "f32_nchw_i8x9x12.dw_k3x4_s2x1_d1x2_p0x3x5x1_m2.bias.relu.conv_o21_k1x1";
constexpr const char* kPlanarStrided = "f32_nchw_i15x10x19.dw_k3x3_s2x2_p0x1x0x1.conv_o18_k1x1.bias.relu6";
constexpr const char* kPlanarValid = "f32_nchw_i9x7x3.dw_k3x2_d2x1.conv_o5_k1x1.bias";
constexpr const char* kPlanarLine =
    "f64_nchw_i1x31x10.dw_k1x5_s1x2_d1x3_p0x0x12x0_m3.bias.relu.conv_o13_k1x1.bias.relu";
constexpr const char* kPlanarHalf = "f16_nchw_i6x14x9.dw_k3x3_p1x1x1x1.bias.relu6.conv_o17_k1x1.bias.relu";
constexpr const char* kPlanarBrain = "bf16_nchw_i7x7x16.dw_k5x5_p2x2x2x2.bias.relu6.conv_o12_k1x1.bias.relu";
constexpr const char* kPlanarDynamic = "f32_nchw_i?x?x10.dw_k3x3_p?x?x?x?.bias.relu6.conv_o18_k1x1.bias.relu6";
constexpr const char* kPlanarPointwise = "f32_nchw_i6x7x13.conv_o23_k1x1.bias.relu";
constexpr const char* kDepthwise = "f32_nhwc_i9x13x19.dw_k3x3_s1x2_d2x1_p2x2x0x1_m2.bias.relu6";
constexpr const char* kPointwise = "f32_nhwc_i6x7x13.conv_o23_k1x1.bias.relu";
constexpr const char* kDynamic = "f32_nhwc_i?x?x10.dw_k3x3_p?x?x?x?.bias.relu6.conv_o18_k1x1.bias.relu6";
constexpr const char* kNorm = "f32_nhwc_i3x5x23.norm_k1x1_e(0.001).scale.bias.add";
constexpr const char* kPlanarNorm = "f16_nchw_i4x7x13.norm_k1x1_e(0.001).scale.bias";
constexpr const char* kDynamicNorm = "f32_nhwc_i?x?x10.norm_k1x1_p?x?x?x?_e(0.001).bias";
constexpr const char* kPlanarDynamicNorm = "f64_nchw_i?x?x5.norm_k1x1_p?x?x?x?_e(0.001).bias";
constexpr const char* kResize = "f32_nhwc_i3x5x23.resize_o7x9_bilinear.bias.add";
constexpr const char* kPlanarResize = "f16_nchw_i4x7x5.resize_o3x13_bilinear";
constexpr const char* kRepeat = "bf16_nchw_i4x7x5.resize_o8x21_nearest.relu";

struct Variant {
  const char *problem, *schedule;
};

// On 4 lanes and 16 registers.
constexpr Variant kVariants[] = {
    {kMobileNet, "block_fuse0_flat1_oh9_ow11.dw_c8_ow4_pad1.pw_mr6_nr8_ku2_vf1"},  // unfused, flat
    {kMobileNet, "block_fuse1_flat1_oh2_ow11_spread16.dw_c8_ow4_pad1_ku1.pw_mr6_nr8_ku2_vf1"},
    {kMobileNet, "block_fuse1_flat2_oh2_ow11.dw_c8_ow4_pad1.pw_mr6_nr8_ku2_vf1"},  // flat without a copy
    // Several panels of channels, column by column.
    {kMobileNet, "block_fuse1_flat2_oh4_ow11.dw_c8_ow4_pad0_cb16.pw_mr6_nr8_ku2_vf1"},
    {kMobileNet, "block_fuse1_flat0_oh2_ow6.dw_c4_ow3_pad1_cb32.pw_mr6_nr8_ku1_vf1"},
    {kMobileNet, "block_fuse0_flat2_oh2_ow11_spread16.dw_c8_ow4_pad1_ku3_cb8.pw_mr6_nr8_ku2_vf1"},
    {kUneven, "block_fuse1_flat0_oh3_ow4.dw_c8_ow2_pad0_cb8.pw_mr2_nr12_ku1_vf1"},
    {kUneven, "block_fuse1_flat2_oh2_ow9.dw_c4_ow2_pad1_cb12.pw_mr5_nr8_ku1_vf1"},
    // Fewer channels than a vector: the depthwise result in scratch has whole ones.
    {kColours, "block_fuse1_flat1_oh3_ow6.dw_c4_ow3_pad1.pw_mr4_nr8_ku3_vf1"},
    {kColours, "block_fuse1_flat2_oh3_ow6.dw_c8_ow2_pad0.pw_mr2_nr12_ku1_vf1"},
    {kColours, "block_fuse1_flat0_oh2_ow4_spread16.dw_c4_ow4_pad0.pw_mr4_nr8_ku3_vf1"},
    {kColours, "block_fuse0_flat0_oh6_ow4.dw_c4_ow2_pad1.pw_mr2_nr12_ku2_vf1"},
    {kDepthwise, "block_fuse1_flat0_oh4_ow3.dw_c4_ow3_pad0_cb20"},
    {kDepthwise, "block_fuse1_flat0_oh9_ow5.dw_c8_ow5_pad1_cb16"},
    {kDepthwise, "block_fuse1_flat0_oh2_ow5.dw_c4_ow5_pad1_cb8"},
    {kDynamic, "block_fuse1_flat0_oh3_ow10.dw_c8_ow4_pad0_cb16.pw_mr5_nr8_ku3_vf1"},
    {kDynamic, "block_fuse1_flat0_oh2_ow6.dw_c4_ow3_pad1_cb8.pw_mr2_nr4_ku1_vf1"},
    {kMobileNet, "block_fuse0_flat2_oh4_ow11.dw_c4_ow5_pad0.pw_mr4_nr8_ku2_vf1"},  // the same, unfused
    {kUneven, "block_fuse1_flat2_oh2_ow9.dw_c8_ow2_pad1.pw_mr5_nr8_ku1_vf1"},
    {kPlanar, "block_fuse1_flat2_oh3_ow19.dw_c1_ow8_pad1.pw_mr8_nr5_ku3_vf0"},
    {kPlanar, "block_fuse1_flat2_oh3_ow19.dw_c4_ow8_pad1.pw_mr5_nr8_ku2_vf1"},       // the same, transposed
    {kMobileNet, "block_fuse0_flat0_oh4_ow6.dw_c8_ow4_pad1.pw_mr3_nr8_ku2_vf1"},     // unfused, not flat
    {kMobileNet, "block_fuse1_flat0_oh2_ow6.dw_c4_ow3_pad1.pw_mr6_nr8_ku1_vf1"},     // blocks that do not divide
    {kMobileNet, "block_fuse1_flat1_oh2_ow11.dw_c8_ow4_pad0.pw_mr6_nr8_ku3_vf1"},    // bounds checked at each tap
    {kMobileNet, "block_fuse1_flat1_oh4_ow11.dw_c4_ow1_pad1.pw_mr1_nr4_ku1_vf1"},    // the smallest tiles
    {kMobileNet, "block_fuse1_flat1_oh9_ow11.dw_c16_ow2_pad1.pw_mr2_nr16_ku3_vf1"},  // a last panel of 3 filters in 16
    {kMobileNet, "block_fuse1_flat0_oh1_ow2.dw_c1_ow1_pad0.pw_mr2_nr1_ku1_vf1"},     // no vectors at all
    {kUneven, "block_fuse1_flat1_oh1_ow9.dw_c4_ow4_pad1.pw_mr4_nr8_ku3_vf1"},
    {kUneven, "block_fuse1_flat0_oh3_ow4.dw_c8_ow2_pad0.pw_mr2_nr12_ku1_vf1"},
    {kUneven, "block_fuse0_flat0_oh2_ow5.dw_c4_ow4_pad0.pw_mr5_nr4_ku3_vf1"},
    {kPlanar, "block_fuse1_flat1_oh3_ow19.dw_c1_ow8_pad1.pw_mr8_nr5_ku3_vf0"},
    {kPlanar, "block_fuse0_flat0_oh2_ow12.dw_c1_ow4_pad0.pw_mr4_nr3_ku1_vf0"},
    {kPlanar, "block_fuse1_flat0_oh7_ow8.dw_c1_ow4_pad1.pw_mr8_nr2_ku2_vf0"},
    {kPlanar, "block_fuse1_flat0_oh3_ow20.dw_c3_ow4_pad1.pw_mr20_nr2_ku2_vf0"},  // rows of several channels copied
    {kPlanar, "block_fuse1_flat1_oh3_ow19.dw_c4_ow8_pad1.pw_mr5_nr8_ku2_vf1"},   // transposed
    {kPlanar, "block_fuse0_flat0_oh2_ow12.dw_c2_ow4_pad0.pw_mr6_nr4_ku1_vf1"},
    // Tiles of four pixels, which are transposed as squares.
    {kPlanarDynamic, "block_fuse1_flat0_oh3_ow8.dw_c4_ow4_pad1.pw_mr4_nr8_ku1_vf1"},
    {kPlanarPointwise, "block_fuse1_flat0_oh1_ow44.pw_mr4_nr8_ku2_vf1"},
    {kPlanarPointwise, "block_fuse1_flat1_oh1_ow42.pw_mr4_nr4_ku2_vf1"},
    // Vectors along channels of an input that is transposed: flat pixels and not, whole and partial blocks, unfused,
    // odd channels, fewer channels than a tile, columns that the stride leaves out, other types.
    {kPlanar, "block_fuse1_flat2_oh3_ow19.dw_c4_ow4_pad1_vc1.pw_mr6_nr8_ku2_vf1"},
    {kPlanar, "block_fuse1_flat1_oh7_ow19_spread16.dw_c4_ow4_pad1_vc1.pw_mr4_nr8_ku2_vf1"},
    {kPlanar, "block_fuse1_flat0_oh3_ow24.dw_c4_ow4_pad1_vc1.pw_mr6_nr8_ku2_vf1"},
    {kPlanar, "block_fuse0_flat2_oh3_ow19.dw_c8_ow2_pad1_vc1.pw_mr5_nr4_ku1_vf1"},
    {kPlanarUneven, "block_fuse1_flat2_oh2_ow9.dw_c8_ow2_pad1_ku2_vc1.pw_mr5_nr8_ku1_vf1"},
    {kPlanarUneven, "block_fuse0_flat1_oh1_ow9.dw_c4_ow5_pad1_vc1.pw_mr4_nr8_ku3_vf1"},
    {kPlanarStrided, "block_fuse1_flat2_oh7_ow5.dw_c8_ow4_pad1_vc1.pw_mr6_nr8_ku4_vf1"},
    {kPlanarStrided, "block_fuse0_flat0_oh2_ow6.dw_c6_ow3_pad1_vc1.pw_mr3_nr8_ku4_vf1"},
    {kPlanarValid, "block_fuse1_flat2_oh5_ow6.dw_c8_ow4_pad1_vc1.pw_mr6_nr8_ku1_vf1"},
    {kPlanarValid, "block_fuse1_flat1_oh2_ow6.dw_c1_ow6_pad1_vc1.pw_mr4_nr4_ku3_vf1"},
    {kPlanarLine, "block_fuse1_flat0_oh1_ow16.dw_c4_ow3_pad1_vc1.pw_mr4_nr6_ku2_vf1"},
    {kPlanarLine, "block_fuse0_flat1_oh1_ow16.dw_c2_ow4_pad1_ku1_vc1.pw_mr5_nr4_ku2_vf1"},
    {kPlanarHalf, "block_fuse1_flat2_oh6_ow14.dw_c8_ow4_pad1_vc1.pw_mr6_nr8_ku2_vf1"},
    {kPlanarHalf, "block_fuse1_flat1_oh4_ow14.dw_c4_ow7_pad1_vc1.pw_mr4_nr8_ku2_vf1"},
    {kPlanarHalf, "block_fuse1_flat1_oh4_ow14.dw_c4_ow8_pad1.pw_mr4_nr12_ku2_vf1"},
    {kPlanarBrain, "block_fuse1_flat2_oh4_ow7_spread3.dw_c16_ow2_pad1_vc1.pw_mr6_nr8_ku2_vf1"},
    {kDepthwise, "block_fuse1_flat0_oh4_ow3.dw_c4_ow3_pad0"},
    {kDepthwise, "block_fuse1_flat0_oh2_ow5.dw_c8_ow5_pad1"},
    {kPointwise, "block_fuse1_flat1_oh1_ow42.pw_mr5_nr8_ku3_vf1"},
    {kPointwise, "block_fuse1_flat0_oh1_ow9.pw_mr3_nr4_ku1_vf1"},
    {kDynamic, "block_fuse1_flat0_oh3_ow10.dw_c8_ow4_pad0.pw_mr5_nr8_ku3_vf1"},
    {kDynamic, "block_fuse1_flat0_oh2_ow6.dw_c4_ow3_pad1.pw_mr2_nr4_ku1_vf1"},
    // Several pixels at once, one sum for all channels, sums of several vectors, and of parts of one.
    {kNorm, "block_fuse1_flat0_oh1_ow6.dw_c8_ow2_pad0"},
    {kNorm, "block_fuse1_flat0_oh1_ow4.dw_c16_ow1_pad0"},
    {kNorm, "block_fuse1_flat0_oh1_ow15.dw_c1_ow3_pad0"},
    {kNorm, "block_fuse1_flat0_oh1_ow8.dw_c2_ow4_pad0"},
    {kPlanarNorm, "block_fuse1_flat0_oh1_ow16.dw_c1_ow8_pad0"},
    {kPlanarNorm, "block_fuse1_flat0_oh1_ow30.dw_c4_ow3_pad0"},
    {kDynamicNorm, "block_fuse1_flat0_oh2_ow3.dw_c8_ow1_pad0"},
    {kDynamicNorm, "block_fuse1_flat0_oh3_ow6.dw_c4_ow3_pad0"},
    {kPlanarDynamicNorm, "block_fuse1_flat0_oh2_ow8.dw_c4_ow4_pad0"},
    {kResize, "block_fuse1_flat0_oh7_ow9.dw_c8_ow1_pad0"},
    {kResize, "block_fuse1_flat0_oh2_ow4.dw_c12_ow2_pad0"},
    {kPlanarResize, "block_fuse1_flat0_oh2_ow8.dw_c1_ow8_pad0"},
    {kPlanarResize, "block_fuse1_flat0_oh1_ow16.dw_c3_ow4_pad0"},
    {kRepeat, "block_fuse1_flat0_oh3_ow24.dw_c2_ow8_pad0"},
};

void expect_right(const CompiledKernel& row) {
  if (cannot_run_here(row)) return;  // that it compiles has been seen
  for (const ConvProblem& problem : shapes_around(row))
    for (const TestCall& call :
         {TestCall{.batch = 2, .in_gap = 1, .out_gap = 7}, TestCall{.fence = Fence::before},
          TestCall{.values = Values::reals}, TestCall{.values = Values::nan}, TestCall{.values = Values::infinity}}) {
      const auto fault = fault_of(row, problem, call);
      EXPECT_FALSE(fault) << *fault;
    }
}

void expect_all_right(const std::string& name, const std::vector<KernelSpec>& specs) {
  const std::vector<BatchKernel> kernels = compile_and_load(name, specs);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (kernels[i].kernel == nullptr)
      ADD_FAILURE() << to_text(specs[i]) << ": " << kernels[i].fault;
    else
      expect_right(*kernels[i].kernel);
  }
}

std::vector<ConvProblem> problems() {
  std::vector<ConvProblem> result;
  for (const char* text : {kMobileNet, kUneven, kPlanar, kPlanarStrided, kDepthwise, kPointwise, kDynamic, kNorm,
                           kPlanarNorm, kDynamicNorm, kResize, kPlanarResize})
    result.push_back(problem_from_text(text));
  return result;
}

TEST(ScheduleVariantsTest, ChosenSchedulesEqualTheReference) {
  std::vector<KernelSpec> specs;
  const Target& target = target_from_name("x86-64-sse41");
  for (const Variant& variant : kVariants) {
    specs.push_back({problem_from_text(variant.problem), schedule_from_text(variant.schedule), target.name});
    const auto reason = reject_reason(specs.back().schedule, lower(specs.back().problem, target));
    EXPECT_FALSE(reason) << to_text(specs.back()) << ": " << *reason;
  }
  expect_all_right("chosen", specs);
}

TEST(ScheduleVariantsTest, RejectReasonIsPlainAboutWhatItRefuses) {
  Draw draw(11);
  for (const Target& target : native_cpu_targets()) {
    for (const ConvProblem& problem : problems()) {
      int accepted = 0;
      for (int i = 0; i < 300; ++i) {
        const CpuSchedule schedule = random_schedule(problem, target, draw);
        EXPECT_EQ(to_text(schedule_from_text(to_text(schedule))), to_text(schedule));
        const auto reason = reject_reason(schedule, lower(problem, target));
        accepted += !reason;
        EXPECT_GE(reason.value_or("accepted, so no reason").size(), 10u) << to_text(schedule);
      }
      EXPECT_GT(accepted, 10) << to_text(problem) << " on " << target.name;
      // A field out of its range is named.
      CpuSchedule wrong = default_cpu_schedule(lower(problem, target));
      wrong.block.oh_block = 0;
      EXPECT_NE(reject_reason(wrong, lower(problem, target)).value_or("").find("block.oh"), std::string::npos);
      EXPECT_FALSE(reject_reason(default_cpu_schedule(lower(problem, target)), lower(problem, target)));
    }
  }
}

TEST(ScheduleVariantsTest, TheRuleOfEveryProblemIsAccepted) {
  Draw draw(13);
  for (int i = 0; i < 4000; ++i) {
    ConvProblem problem = random_problem(draw);
    const int more = draw.between(1, 8);  // the rule decides by the number of channels too
    problem.IC *= more;
    set_out_channels(problem, problem.stages.back().out_channels * more);
    for (const Target& target : native_cpu_targets()) {
      const CpuSchedule rule = default_cpu_schedule(lower(problem, target));
      const auto reason = reject_reason(rule, lower(problem, target));
      EXPECT_FALSE(reason) << to_text(problem) << " on " << target.name << ": " << to_text(rule) << ": " << *reason;
      const CpuSchedule threaded = blocks_for_threads(rule, lower(problem, target), draw.between(2, 9));
      EXPECT_FALSE(reject_reason(threaded, lower(problem, target))) << to_text(problem) << ": " << to_text(threaded);
    }
  }
}

TEST(ScheduleVariantsTest, WhatRejectReasonAcceptsCompilesAndIsRight) {
  const std::uint64_t seed = random_seed(12), count = random_count(24);
  std::printf("SEPCONV_RANDOM_SEED=%llu SEPCONV_RANDOM_COUNT=%llu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(count));
  Draw draw(seed);
  const std::vector<ConvProblem> all = problems();
  std::vector<KernelSpec> specs;
  std::set<std::string> seen;
  while (specs.size() < count) {
    const Target& target = native_cpu_targets()[draw.next() % native_cpu_targets().size()];
    KernelSpec spec{all[specs.size() % all.size()], {}, target.name};
    spec.schedule = random_schedule(spec.problem, target, draw);
    if (reject_reason(spec.schedule, lower(spec.problem, target)) || !seen.insert(to_text(spec)).second) continue;
    specs.push_back(spec);
  }
  expect_all_right("sampled", specs);
}

TEST(ScheduleVariantsTest, ARefusedScheduleIsNamed) {
  KernelSpec spec{problem_from_text(kPointwise), schedule_from_text("block_fuse1_flat0_oh1_ow7.pw_mr3_nr4_ku1_vf1"),
                  "x86-64-sse41"};
  const auto kernels = compile_and_load("refused", {spec});
  EXPECT_EQ(kernels[0].kernel, nullptr);
  EXPECT_NE(kernels[0].fault.find("block.ow"), std::string::npos) << kernels[0].fault;
}

}  // namespace
}  // namespace sepconv::test
