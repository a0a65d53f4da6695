// GPU schedules as data: their text, what is refused, what the rule picks, what is counted.

#include <gtest/gtest.h>

#include <iostream>

#include "generators/spec/gpu_estimate.h"
#include "sepconv/detail/compiled_kernel.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;

namespace {

ConvProblem block(int size, int channels, int filters, int stride, const std::string& layout = "nhwc") {
  const std::string pads = stride == 1 ? "1x1x1x1" : "0x1x0x1", s = std::to_string(stride), i = std::to_string(size);
  return problem_from_text("f32_" + layout + "_i" + i + "x" + i + "x" + std::to_string(channels) + ".dw_k3x3_s" + s +
                           "x" + s + "_p" + pads + ".bias.relu6.conv_o" + std::to_string(filters) + "_k1x1.bias.relu6");
}

TEST(GpuSchedule, TextIsReadBack) {
  const std::string text = "gpu_fuse1_tf16_tq8_f4_q2_k32";
  EXPECT_EQ(to_text(gpu_schedule_from_text(text)), text);
  for (const char* bad :
       {"gpu", "gpu_tf16_tq8_f4_q2_k32", "cpu_tf1_tq1_f1_q1_k1", "gpu_fuse1_tf16_tq8_f4_q2",
        "gpu_fuse1_tf16_tq8_f4_q2_k32_x1", "gpu_fuse1_tq8_tf16_f4_q2_k32", "gpu_fuse1_tfx_tq8_f4_q2_k32"})
    EXPECT_THROW(gpu_schedule_from_text(bad), std::invalid_argument) << bad;
}

TEST(GpuSchedule, IsRefusedWithTheReason) {
  const ConvProblem problem = block(56, 128, 128, 1);
  const Target& cuda = target_from_name("cuda-sm80");
  const auto reason = [&](const char* text, const ConvProblem& p, const Target& target) {
    return reject_reason(gpu_schedule_from_text(text), lower(p, target)).value_or("");
  };
  EXPECT_EQ(reason("gpu_fuse1_tf32_tq8_f4_q8_k16", problem, cuda), "");
  EXPECT_NE(reason("gpu_fuse1_tf32_tq16_f4_q4_k16", problem, cuda).find("512 threads"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq8_f8_q16_k16", problem, cuda).find("registers"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq8_f4_q8_k128", problem, cuda).find("shared memory"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq8_f4_q8_k0", problem, cuda).find("gpu.k=0"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq8_f4_q8_k16", with_dynamic_extents(problem), cuda).find("static"),
            std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq8_f4_q8_k16", problem, target_from_name("x86-64-avx2")).find("CPU"),
            std::string::npos);
}

/// A norm, and an activation along an axis, share lines between the threads.
TEST(GpuSchedule, LinesHaveALaneForEachThread) {
  const auto reason = [&](const char* text, const char* problem) {
    return reject_reason(gpu_schedule_from_text(text), lower(problem_from_text(problem), target_from_name("opencl")))
        .value_or("");
  };
  const char* const norm = "f32_nhwc_i14x14x96.norm_k1x1_e(0.001)";
  EXPECT_EQ(reason("gpu_fuse1_tf64_tq4_f1_q1_k0", norm), "");
  EXPECT_NE(reason("gpu_fuse1_tf48_tq4_f1_q1_k0", norm).find("power of two"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf128_tq2_f1_q1_k0", norm).find("a line"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq4_f2_q1_k0", norm).find("one lane"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq4_f1_q2_k0", norm).find("one line"), std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf32_tq4_f1_q1_k0", "f32_nhwc_i8x1x40.copy_k1x1.sparsemax").find("sparsemax"),
            std::string::npos);
  EXPECT_NE(reason("gpu_fuse1_tf8_tq4_f1_q1_k0", "f64_nhwc_i8x1x40.copy_k1x1.softmax").find("float32"),
            std::string::npos);
}

TEST(GpuSchedule, OnlySeparableProblemsHaveTwoKernels) {
  const Target& cuda = target_from_name("cuda-sm80");
  const auto reason = [&](const char* text, const std::string& problem) {
    return reject_reason(gpu_schedule_from_text(text), lower(problem_from_text(problem), cuda)).value_or("");
  };
  const std::string depthwise = "f32_nhwc_i14x14x64.dw_k3x3_p1x1x1x1",
                    separable = depthwise + ".conv_o64_k1x1.bias.relu";
  EXPECT_EQ(reason("gpu_fuse0_tf32_tq8_f4_q8_k16", separable), "");
  EXPECT_THROW(gpu_schedule_from_text("gpu_fuse2_tf32_tq8_f4_q8_k16"), std::invalid_argument);
  EXPECT_NE(reason("gpu_fuse0_tf32_tq4_f4_q2_k0", depthwise + ".bias.relu").find("gpu.fuse=0"), std::string::npos);
}

/// Two blocks of 128 channels repeat few depthwise results; eight of them repeat many.
TEST(DefaultGpuSchedule, FusesWhereThatPays) {
  for (const Target& target : gpu_targets()) {
    EXPECT_EQ(default_gpu_schedule(lower(block(112, 32, 64, 1), target)).fuse, 1) << target.name;
    EXPECT_EQ(default_gpu_schedule(lower(block(14, 512, 512, 1), target)).fuse, 0) << target.name;
  }
}

TEST(DefaultGpuSchedule, IsNeverOneThatTheGeneratorRefuses) {
  for (const Target& target : gpu_targets())
    for (const char* op : {"depthwise", "pointwise", "separable"})
      for (Layout layout : {Layout::nhwc, Layout::nchw})
        for (int extent : {1, 2, 7, 13, 56, 400})
          for (int channels : {1, 2, 3, 4, 7, 8, 17, 33, 728, 1024}) {
            ConvProblem p = problem_of(separable_stages());
            p.stages = stages_named(op);
            p.layout = layout;
            p.IH = p.IW = extent, p.IC = channels;
            set_out_channels(p, channels);
            if (p.has(StageKind::depthwise)) window(p).KW = 3, window(p).pad_left = window(p).pad_right = 1;
            EXPECT_EQ(reject_reason(default_gpu_schedule(lower(p, target)), lower(p, target)), std::nullopt)
                << to_text(p);
          }
}

TEST(DefaultGpuSchedule, ServesTheStagesWithoutAWindow) {
  for (const Target& target : gpu_targets())
    for (const std::string channels : {"1", "2", "7", "96", "1000"})
      for (const std::string rows : {"1", "9", "300"})
        for (const std::string tail :
             {".norm_k1x1_e(0.001).bias", ".resize_o5x400_bilinear", ".copy_k1x1.softmax", ".copy_k1x1.softmax(-2)"}) {
          const ConvProblem p = problem_from_text("f32_nhwc_i" + rows + "x3x" + channels + tail);
          EXPECT_EQ(reject_reason(default_gpu_schedule(lower(p, target)), lower(p, target)), std::nullopt)
              << to_text(p);
        }
}

TEST(GpuTargets, AreNotAmongTheDefaults) {
  for (const Target& target : native_cpu_targets()) EXPECT_EQ(target.device, Device::cpu);
  for (const Target& target : gpu_targets()) EXPECT_GE(target.required_features, std::uint64_t{1} << 32);
}

TEST(GpuEstimate, CountsWhatTheScheduleDoes) {
  const GpuFigures& h100 = known_gpus().front();
  const Lowering problem = lower(block(56, 128, 128, 1), target_from_name("cuda-sm80"));
  const GpuSchedule schedule = gpu_schedule_from_text("gpu_fuse1_tf16_tq8_f4_q4_k16");
  const GpuEstimate e = estimate_gpu(schedule, problem, 2, 128, h100);
  const double pixels = 2 * 56 * 56.0;
  EXPECT_EQ(e.blocks, 2 * 98 * 2);
  EXPECT_DOUBLE_EQ(e.flops, pixels * 128 * (2 * 18 + 2 * 128));  // two blocks of channels make each depthwise result
  EXPECT_DOUBLE_EQ(e.dram_bytes, 4 * (pixels * 256 + 9 * 128 + 128 * 128));
  EXPECT_EQ(e.resident_blocks, 4);  // 128 threads of 128 registers
  EXPECT_DOUBLE_EQ(e.occupancy, 0.25);
  EXPECT_GE(e.seconds, e.roofline_seconds);
}

TEST(GpuEstimate, CountsBothKernelsOfUnfusedLayers) {
  const GpuFigures& h100 = known_gpus().front();
  const Lowering problem = lower(block(56, 128, 128, 1), target_from_name("cuda-sm80"));
  const double pixels = 2 * 56 * 56.0, middle = pixels * 128;
  GpuSchedule schedule = gpu_schedule_from_text("gpu_fuse1_tf16_tq8_f4_q4_k16");
  const GpuEstimate fused = estimate_gpu(schedule, problem, 2, 128, h100);
  schedule.fuse = 0;
  const GpuEstimate e = estimate_gpu(schedule, problem, 2, 128, h100);
  EXPECT_DOUBLE_EQ(e.flops, pixels * 128 * (18 + 2 * 128));  // nothing twice
  EXPECT_DOUBLE_EQ(e.dram_bytes, fused.dram_bytes + 2 * 4 * middle);
  EXPECT_DOUBLE_EQ(e.roofline_seconds, fused.roofline_seconds);
  EXPECT_GT(e.seconds, h100.launch_seconds + e.roofline_seconds);
  EXPECT_LT(e.l1_bytes, fused.l1_bytes);
}

/// A tile that reaches past the image is computed whole.
TEST(GpuEstimate, CountsPartialTilesAsWholeOnes) {
  const Lowering problem = lower(block(7, 128, 128, 1), target_from_name("cuda-sm80"));
  const auto flops = [&](const char* text) {
    return estimate_gpu(gpu_schedule_from_text(text), problem, 1, 128, known_gpus().front()).flops;
  };
  EXPECT_DOUBLE_EQ(flops("gpu_fuse1_tf32_tq8_f4_q8_k16") / flops("gpu_fuse1_tf32_tq7_f4_q7_k16"), 64.0 / 49);
}

/// The table of docs/gpu.md.
TEST(GpuEstimate, MobileNetV1) {
  constexpr struct {
    int size, channels, filters, stride, count;
  } kBlocks[] = {{112, 32, 64, 1, 1},  {112, 64, 128, 2, 1},  {56, 128, 128, 1, 1},
                 {56, 128, 256, 2, 1}, {28, 256, 256, 1, 1},  {28, 256, 512, 2, 1},
                 {14, 512, 512, 1, 5}, {14, 512, 1024, 2, 1}, {7, 1024, 1024, 1, 1}};
  int blocks = 0;
  for (const auto& b : kBlocks) {
    const Target& target = target_from_name("cuda-sm80");
    const Lowering problem = lower(block(b.size, b.channels, b.filters, b.stride), target);
    const GpuSchedule schedule = default_gpu_schedule(problem);
    std::cout << "| " << b.size << "x" << b.size << "x" << b.channels << " to " << b.filters << ", stride " << b.stride
              << (b.count > 1 ? " (five times)" : "") << " | `" << to_text(schedule) << "` |";
    for (const GpuFigures& gpu : known_gpus()) {
      const GpuEstimate e = estimate_gpu(schedule, problem, 16, target.registers, gpu);
      EXPECT_LE(e.roofline_seconds, e.seconds);
      EXPECT_GE(e.resident_blocks, 2);
      char text[64];
      std::snprintf(text, sizeof text, " %.0f us, %.0f%% |", e.seconds * 1e6, 100 * e.roofline_seconds / e.seconds);
      std::cout << text;
    }
    std::cout << "\n";
    blocks += b.count;
  }
  EXPECT_EQ(blocks, 13);
}

}  // namespace
}  // namespace sepconv::test
