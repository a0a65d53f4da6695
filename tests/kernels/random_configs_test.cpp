// Problems that nobody chose, under the rules' schedules. SEPCONV_RANDOM_SEED and SEPCONV_RANDOM_COUNT choose others.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "runtime/core/cpu_features.h"
#include "tests/kernels/kernel_batch.h"
#include "tests/kernels/kernel_check.h"
#include "tests/kernels/random_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace generators;

namespace {

constexpr std::size_t kBatch = 60;  // kernels compiled together

/// Pools and resizes, and parts of larger tensors, have static extents.
bool may_be_dynamic(const ConvProblem& p) {
  return p.input_pitches.dense() && p.output_pitches.dense() && !p.has(StageKind::max_pool) &&
         !p.has(StageKind::average_pool) && !p.has(StageKind::resize);
}

struct RandomConfig {
  ConvProblem problem;  // static: what is run
  KernelSpec spec;      // maybe dynamic: what is compiled
};

std::vector<std::string> targets_here() {
  std::vector<std::string> names;
  for (const Target& target : native_cpu_targets())
    if ((target.required_features & ~detected_cpu_features()) == 0) names.push_back(target.name);
  return names;
}

RandomConfig random_config(Draw& draw, const std::vector<std::string>& targets) {
  RandomConfig config{random_problem(draw), {}};
  config.spec.problem = config.problem;
  if (draw.chance(0.25) && may_be_dynamic(config.problem)) config.spec.problem = with_dynamic_extents(config.problem);
  config.spec.target = draw.one_of(targets);
  config.spec.schedule = default_cpu_schedule(lower(config.spec.problem, target_from_name(config.spec.target)));
  return config;
}

void expect_right(const CompiledKernel& kernel, const ConvProblem& problem, Draw& draw) {
  for (const Values values : {Values::integers, Values::reals, Values::nan}) {
    // As in Keras' backends, which of a window's numbers and NaNs is the largest is not defined.
    if (values == Values::nan && problem.has(StageKind::max_pool)) continue;
    TestCall call;
    call.batch = draw.between(1, 3);
    call.in_gap = draw.between(0, 5);
    call.out_gap = draw.between(0, 20);
    call.fence = draw.chance(0.5) ? Fence::after : Fence::before;
    call.values = values;
    call.seed = draw.next() % 1000000;
    const auto fault = fault_of(kernel, problem, call);
    EXPECT_FALSE(fault) << *fault;
  }
}

TEST(RandomConfigsTest, EqualTheReference) {
  const std::uint64_t seed = random_seed(20240607);
  const std::uint64_t count = random_count(60);
  std::printf("SEPCONV_RANDOM_SEED=%llu SEPCONV_RANDOM_COUNT=%llu\n", static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(count));
  const std::vector<std::string> targets = targets_here();
  ASSERT_FALSE(targets.empty());
  Draw draw(seed);
  for (std::uint64_t done = 0; done < count; done += kBatch) {
    std::vector<RandomConfig> configs;
    std::vector<KernelSpec> specs;
    while (configs.size() < std::min<std::uint64_t>(kBatch, count - done)) {
      configs.push_back(random_config(draw, targets));
      specs.push_back(configs.back().spec);
    }
    const auto kernels = compile_and_load("random_" + std::to_string(done), specs);
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      if (kernels[i].kernel == nullptr)
        ADD_FAILURE() << to_text(specs[i]) << ": " << kernels[i].fault;
      else
        expect_right(*kernels[i].kernel, configs[i].problem, draw);
    }
  }
}

/// Problems whose kernels once read beyond the last input element: fewer channels than a tile, with one multiple or
/// several, and blocks that whole depthwise tiles do not fill.
TEST(RandomConfigsTest, ReadsNothingBeyondTheInput) {
  std::vector<KernelSpec> specs;
  for (const std::string& target : targets_here()) {
    const ConvProblem multiples = problem_from_text("f32_nhwc_i14x21x3.dw_k1x1_s1x2_m4.bias");
    CpuSchedule narrow = default_cpu_schedule(lower(multiples, target_from_name(target)));
    narrow.depthwise->c_tile = 4, narrow.depthwise->pad_tile = 0;
    specs.push_back({multiples, narrow, target});
    const ConvProblem blocks = problem_from_text("f32_nhwc_i1x84x32.dw_k1x9_d1x3.conv_o32_k1x1.bias.relu");
    CpuSchedule uneven = default_cpu_schedule(lower(blocks, target_from_name(target)));
    uneven.block = {.ow_block = 30};
    uneven.depthwise->ow_tile = 4, uneven.depthwise->pad_tile = 0;
    uneven.pointwise->mr = 2;
    specs.push_back({blocks, uneven, target});
    // The last pixel's channels are fewer than a vector, whatever the window.
    for (const char* window : {"k1x1", "k1x2", "k1x3_s1x2", "k1x9", "k1x2_d1x3"}) {
      const ConvProblem few = problem_from_text(std::string("f32_nhwc_i1x99x7.dw_") + window + ".bias.relu");
      specs.push_back({few, default_cpu_schedule(lower(few, target_from_name(target))), target});
    }
  }
  const auto kernels = compile_and_load("fenced", specs);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    ASSERT_NE(kernels[i].kernel, nullptr) << to_text(specs[i]) << ": " << kernels[i].fault;
    TestCall call;
    call.fence = Fence::after;
    call.values = Values::integers;
    const auto fault = fault_of(*kernels[i].kernel, specs[i].problem, call);
    EXPECT_FALSE(fault) << *fault;
  }
}

TEST(RandomConfigsTest, DrawsEveryKindOfProblem) {
  Draw draw(1);
  int depthwise = 0, nchw = 0, one_dimension = 0, uneven = 0, stepped = 0, multiplied = 0, wide = 0, half = 0;
  for (int i = 0; i < 300; ++i) {
    const ConvProblem p = random_problem(draw);
    depthwise += stages_name(p) == "depthwise";
    nchw += p.layout == Layout::nchw;
    one_dimension += p.IH == 1 && window(p).KH == 1;
    uneven += window(p).pad_left != window(p).pad_right;
    stepped += window(p).stride_w > 1 && window(p).dilation_w > 1;
    multiplied += p.stages[0].depth_multiplier > 1;
    wide += p.dtype == DataType::float64;
    half += size_bytes(p.dtype) == 2;
  }
  for (const int drawn : {depthwise, nchw, one_dimension, uneven, stepped, multiplied, wide, half})
    EXPECT_GT(drawn, 10);
}

}  // namespace
}  // namespace sepconv::test
