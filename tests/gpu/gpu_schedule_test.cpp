// GPU schedules as data: their text, what is refused, what the rule picks, what is counted.

#include <gtest/gtest.h>

#include <iostream>

#include "sepconv/kernel_row.h"
#include "spec/gpu_estimate.h"

namespace sepconv {
namespace {

ConvProblem block(int size, int channels, int filters, int stride, const std::string& layout = "nhwc") {
  const std::string pads = stride == 1 ? "1x1x1x1" : "0x1x0x1", s = std::to_string(stride), i = std::to_string(size);
  return problem_from_text("separable_f32_" + layout + "_i" + i + "x" + i + "x" + std::to_string(channels) + "_o" +
                           std::to_string(filters) + "_k3x3_s" + s + "x" + s + "_d1x1_p" + pads +
                           "_m1_mid-bias-relu6_out-bias-relu6");
}

TEST(GpuSchedule, TextIsReadBack) {
  const std::string text = "gpu_tf16_tq8_f4_q2_k32";
  EXPECT_EQ(to_text(gpu_schedule_from_text(text)), text);
  for (const char* bad : {"gpu", "cpu_tf1_tq1_f1_q1_k1", "gpu_tf16_tq8_f4_q2", "gpu_tf16_tq8_f4_q2_k32_x1",
                          "gpu_tq8_tf16_f4_q2_k32", "gpu_tfx_tq8_f4_q2_k32"})
    EXPECT_THROW(gpu_schedule_from_text(bad), std::invalid_argument) << bad;
}

TEST(GpuSchedule, IsRefusedWithTheReason) {
  const ConvProblem problem = block(56, 128, 128, 1);
  const Target& cuda = target_from_name("cuda-sm80");
  const auto reason = [&](const char* text, const ConvProblem& p, const Target& target) {
    return reject_reason(gpu_schedule_from_text(text), p, target).value_or("");
  };
  EXPECT_EQ(reason("gpu_tf32_tq8_f4_q8_k16", problem, cuda), "");
  EXPECT_NE(reason("gpu_tf32_tq16_f4_q4_k16", problem, cuda).find("512 threads"), std::string::npos);
  EXPECT_NE(reason("gpu_tf32_tq8_f8_q16_k16", problem, cuda).find("registers"), std::string::npos);
  EXPECT_NE(reason("gpu_tf32_tq8_f4_q8_k128", problem, cuda).find("shared memory"), std::string::npos);
  EXPECT_NE(reason("gpu_tf32_tq8_f4_q8_k0", problem, cuda).find("gpu.k=0"), std::string::npos);
  EXPECT_NE(reason("gpu_tf32_tq8_f4_q8_k16", with_dynamic_extents(problem), cuda).find("static"), std::string::npos);
  EXPECT_NE(reason("gpu_tf32_tq8_f4_q8_k16", problem, target_from_name("x86-64-avx2")).find("CPU"), std::string::npos);
}

TEST(DefaultGpuSchedule, IsNeverOneThatTheGeneratorRefuses) {
  for (const Target& target : gpu_targets())
    for (const char* op : {"depthwise", "pointwise", "separable"})
      for (Layout layout : {Layout::nhwc, Layout::nchw})
        for (int extent : {1, 2, 7, 13, 56, 400})
          for (int channels : {1, 2, 3, 4, 7, 8, 17, 33, 728, 1024}) {
            ConvProblem p;
            p.op = std::string(op) == "depthwise"   ? ConvOp::depthwise
                   : std::string(op) == "pointwise" ? ConvOp::pointwise
                                                    : ConvOp::separable;
            p.layout = layout;
            p.IH = p.IW = extent, p.IC = p.OC = channels;
            if (p.has_depthwise()) p.KW = 3, p.pad_left = p.pad_right = 1;
            EXPECT_EQ(reject_reason(default_gpu_schedule(p, target), p, target), std::nullopt) << to_text(p);
          }
}

TEST(GpuTargets, AreNotAmongTheDefaults) {
  for (const Target& target : native_cpu_targets()) EXPECT_EQ(target.device, Device::cpu);
  for (const Target& target : gpu_targets()) EXPECT_GE(target.required_features, std::uint64_t{1} << 32);
}

TEST(GpuEstimate, CountsWhatTheScheduleDoes) {
  const GpuFigures& h100 = known_gpus().front();
  const ConvProblem problem = block(56, 128, 128, 1);
  const GpuSchedule schedule = gpu_schedule_from_text("gpu_tf16_tq8_f4_q4_k16");
  const GpuEstimate e = estimate_gpu(schedule, problem, 2, 128, h100);
  const double pixels = 2 * 56 * 56.0;
  EXPECT_EQ(e.blocks, 2 * 98 * 2);
  EXPECT_DOUBLE_EQ(e.flops, pixels * 128 * (2 * 18 + 2 * 128));  // two blocks of channels make each depthwise result
  EXPECT_DOUBLE_EQ(e.dram_bytes, 4 * (pixels * 256 + 9 * 128 + 128 * 128));
  EXPECT_EQ(e.resident_blocks, 4);  // 128 threads of 128 registers
  EXPECT_DOUBLE_EQ(e.occupancy, 0.25);
  EXPECT_GE(e.seconds, e.roofline_seconds);
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
    const ConvProblem problem = block(b.size, b.channels, b.filters, b.stride);
    const Target& target = target_from_name("cuda-sm80");
    const GpuSchedule schedule = default_gpu_schedule(problem, target);
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
}  // namespace sepconv
