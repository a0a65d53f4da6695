// `sepconv inspect --target`: the rule's schedules in words and numbers.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "generators/compile/files.h"
#include "generators/compile/process.h"
#include "generators/spec/schedule.h"
#include "tests/compile/test_environment.h"

namespace sepconv::test {

using namespace generators;

namespace {

class InspectTarget : public testing::Test {
 protected:
  InspectTarget() {
    write_file(file_, R"([{"class_name": "SeparableConv2D", "input_shape": [null, 60, 60, 128],
                           "config": {"name": "conv", "filters": 128, "kernel_size": [3, 3], "padding": "same"}}])");
  }

  std::string inspect(const std::vector<std::string>& words) const {
    std::vector<std::string> argv = {SEPCONV_PROGRAM, "inspect", file_};
    argv.insert(argv.end(), words.begin(), words.end());
    const ProcessResult result = run_process(argv);
    EXPECT_TRUE(result.ok()) << result.output;
    return result.output;
  }

  TempDir dir_;
  std::string file_ = (dir_.path() / "layers.json").string();
};

// A shape that no shipped table has.
TEST_F(InspectTarget, PrintsTheRulesScheduleWithItsSums) {
  for (const Target& target : all_targets()) {
    if (target.device != Device::cpu || !serves(target, DataType::float32)) continue;
    const nlohmann::json layer = nlohmann::json::parse(inspect({"--target", target.name, "--json"})).at("layers").at(0);
    const ConvProblem problem = problem_from_text(layer.at("problem").get<std::string>());
    const CpuSchedule schedule = default_cpu_schedule(lower(problem, target));
    const nlohmann::json& kernel = layer.at("kernel");
    EXPECT_EQ(kernel.at("schedule"), to_text(schedule)) << target.name;
    const int sums = schedule.pointwise->mr * (schedule.pointwise->nr / target.lanes);
    EXPECT_EQ(kernel.at("registers").at("pointwise"), sums + schedule.pointwise->nr / target.lanes + 1) << target.name;
    EXPECT_LE(kernel.at("registers").at("pointwise"), target.registers);
    EXPECT_EQ(kernel.at("block_bytes"), schedule.block.oh_block * schedule.block.ow_block * 128 * 4) << target.name;
    EXPECT_EQ(kernel.at("panel_bytes"), 128 * schedule.pointwise->nr * 4) << target.name;
    const std::string text = inspect({"--target", target.name});
    EXPECT_NE(text.find("conv: " + to_text(schedule) + "\n"), std::string::npos) << text;
    EXPECT_NE(text.find("of " + std::to_string(target.registers) + " registers"), std::string::npos) << text;
  }
}

TEST_F(InspectTarget, CountsTheTimeOnNamedGpus) {
  const nlohmann::json layer = nlohmann::json::parse(inspect({"--target", "cuda-sm80", "--json"})).at("layers").at(0);
  const nlohmann::json& counted = layer.at("kernel").at("counted");
  EXPECT_GE(counted.size(), 2u);
  for (const nlohmann::json& gpu : counted) {
    EXPECT_GT(gpu.at("roofline_seconds"), 0) << gpu;
    EXPECT_GE(gpu.at("seconds"), gpu.at("roofline_seconds")) << gpu;
    EXPECT_GE(gpu.at("flops"), layer.at("flops")) << gpu;
  }
  EXPECT_NE(inspect({"--target", "cuda-sm80"}).find("% of the roofline's "), std::string::npos);
}

TEST_F(InspectTarget, SaysWhyATargetHasNoKernel) {
  const std::string text = inspect({"--target", "x86-64-avx512-bf16"});
  EXPECT_NE(text.find("conv: none: no kernels for f32\n"), std::string::npos) << text;
  EXPECT_EQ(inspect({}).find("schedules that"), std::string::npos);
  const ProcessResult wrong = run_process({SEPCONV_PROGRAM, "inspect", file_, "--target", "x86-64-avx3"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.output.find("unknown name 'x86-64-avx3'"), std::string::npos) << wrong.output;
}

}  // namespace
}  // namespace sepconv::test
