#include "runner/layer_run.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "runner/compare.h"
#include "runner/reference.h"
#include "runner/timing.h"
#include "sepconv/kernel_registry.h"
#include "tests/stage_lists.h"

namespace sepconv::test {

using namespace runner;

namespace {

// Kernels written by hand, well-behaved and not, for out[i] = 2 * in[i] over 5 elements.
constexpr const char* kProblem = "f32_nhwc_i1x5x1.dw_k1x1";

/// The host pointer of a halide_buffer_t: after its device handle and device interface.
float* host(void* buffer) {
  float* pointer = nullptr;
  std::memcpy(&pointer, static_cast<char*>(buffer) + 16, sizeof pointer);
  return pointer;
}

int compute(void** argv, int elems) {
  const float weight = *host(argv[2]);
  for (int i = 0; i < elems; ++i) host(argv[3])[i] = weight * host(argv[1])[i];
  return 0;
}

int good(void** argv) { return compute(argv, 5); }
int lazy(void** argv) { return compute(argv, 4); }
int failing(void**) { return 7; }
int overflowing(void** argv) {
  host(argv[3])[5] = 0;
  return good(argv);
}
int underflowing(void** argv) {
  host(argv[3])[-1] = 0;
  return good(argv);
}

CompiledKernel kernel(const char* symbol, KernelFunction function) {
  CompiledKernel r{};
  r.abi = kKernelAbi;
  r.symbol = symbol;
  r.function = function;
  r.problem = kProblem;
  r.target = "x86-64-sse41";
  r.schedule = "block_fuse1_flat1_oh1_ow1.dw_c8_ow1_pad1";
  r.depthwise_panel = 8;
  r.pointwise_panel = 1;
  return r;
}

class GuardedRunTest : public testing::Test {
 protected:
  GuardedRunTest() : layer_("double", problem_from_text(kProblem), {{2}}) {
    static const CompiledKernel kernels[] = {kernel("good", good), kernel("lazy", lazy), kernel("failing", failing),
                                             kernel("overflowing", overflowing), kernel("underflowing", underflowing)};
    use_kernels({"by_hand", kernels, std::size(kernels), nullptr, 0});
  }
  GuardedRun run(const char* symbol) {
    layer_.force_kernel(symbol);
    return run_guarded(layer_, single_thread(), input_, input_shape(layer_.problem(), 1),
                       output_shape(layer_.problem(), 1));
  }
  std::vector<double> expected() const { return reference(layer_.problem(), layer_.weights(), 1, input_); }

  ConvLayer layer_;
  std::vector<double> input_{1, 2, 3, 4, 5};
};

TEST_F(GuardedRunTest, AcceptsAKernelThatBehaves) {
  const GuardedRun result = run("good");
  EXPECT_EQ(result.fault, "");
  EXPECT_TRUE(compare(result.output, expected(), 0.0).ok);
}

TEST_F(GuardedRunTest, ElementsThatAreNotWrittenMiss) {
  const GuardedRun result = run("lazy");
  EXPECT_EQ(result.fault, "");
  EXPECT_TRUE(std::isnan(result.output[4]));
  EXPECT_FALSE(compare(result.output, expected(), 1e9).ok);
}

TEST_F(GuardedRunTest, NoticesWritesOutsideAndErrors) {
  EXPECT_EQ(run("overflowing").fault, "wrote outside the output");
  EXPECT_EQ(run("underflowing").fault, "wrote outside the output");
  EXPECT_NE(run("failing").fault.find("kernel_failed"), std::string::npos);
}

TEST_F(GuardedRunTest, RefusesAnInputThatDoesNotFillItsShape) {
  input_.pop_back();
  EXPECT_THROW(run("good"), std::invalid_argument);
}

TEST_F(GuardedRunTest, RepeatedRunCallsTheKernelAndReportsFailure) {
  layer_.force_kernel("good");
  const Shape shape = input_shape(layer_.problem(), 1);
  RepeatedRun calls(layer_, single_thread(), input_, shape, shape);
  calls();
  layer_.force_kernel("failing");
  RepeatedRun bad(layer_, single_thread(), input_, shape, shape);
  EXPECT_THROW(bad(), std::runtime_error);
}

TEST(WithExtents, FollowsTheRulesOfPadding) {
  ConvProblem p = problem_of(depthwise_stages());
  p.IH = p.IW = 8, window(p).KH = 3, window(p).KW = 4, window(p).stride_h = 2, window(p).dilation_w = 2;
  p = with_dynamic_extents(p);
  const ConvProblem same = with_extents(p, 6, 9, "same");
  // H: output 3, (3 - 1) * 2 + 3 - 6 = 1, the odd one at the bottom. W: effective window 7, 6 zeros.
  EXPECT_EQ(std::tuple(window(same).pad_top, window(same).pad_bottom, window(same).pad_left, window(same).pad_right),
            std::tuple(0, 1, 3, 3));
  EXPECT_EQ(std::pair(same.OH(), same.OW()), std::pair(3, 9));
  const ConvProblem valid = with_extents(p, 6, 9, "valid");
  EXPECT_EQ(
      std::tuple(window(valid).pad_top, window(valid).pad_bottom, window(valid).pad_left, window(valid).pad_right),
      std::tuple(0, 0, 0, 0));
  EXPECT_EQ(std::pair(valid.OH(), valid.OW()), std::pair(2, 3));
  EXPECT_EQ(with_extents(p, 6, 9, "causal").stages[0].window.pad_left, 6);
  EXPECT_THROW(with_extents(p, 6, 9, "reflect"), std::invalid_argument);
  EXPECT_THROW(with_extents(p, 6, 5, "valid"), std::invalid_argument);
}

TEST(WithExtents, ConcreteProblemsCoverThePaddingsOfTheRank) {
  ConvProblem p = problem_of(depthwise_stages());
  p.IW = 8, window(p).KW = 3;
  EXPECT_EQ(concrete_problems(with_dynamic_extents(p), 5).size(), 3u);
  p.IH = 8, window(p).KH = 3;
  for (const auto& [padding, problem] : concrete_problems(with_dynamic_extents(p), 5)) {
    EXPECT_EQ(problem.IH, 8);
    EXPECT_EQ(problem.OH(), padding == "valid" ? 6 : 8);
  }
}

TEST(Timing, MedianIsTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_THROW(median({}), std::invalid_argument);
}

TEST(Timing, SlowerCallsTakeLonger) {
  volatile double sink = 0;
  const auto work = [&](int steps) {
    return [&sink, steps] {
      for (int i = 0; i < steps; ++i) sink = sink + i;
    };
  };
  const std::function<void()> calls[] = {work(1'000), work(100'000)};
  const auto timings = time_interleaved(calls, 0.01);
  ASSERT_EQ(timings.size(), 2u);
  EXPECT_GE(timings[0].samples, 3);
  EXPECT_LE(timings[0].seconds_min, timings[0].seconds_median);
  EXPECT_GT(timings[1].seconds_min, 10 * timings[0].seconds_min);
}

}  // namespace
}  // namespace sepconv::test
