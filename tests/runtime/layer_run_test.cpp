// What a layer computes through a kernel: layouts, views, batches, dynamic extents.

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/core/halide_buffer.h"
#include "sepconv/executor.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

constexpr float kCanary = -12345.5f;

ConvProblem base_problem(Layout layout) {
  ConvProblem p = problem_of(separable_stages());
  p.layout = layout;
  p.IH = 6, p.IW = 5, p.IC = 3, p.stages.back().out_channels = 10, window(p).KH = 3, window(p).KW = 2;
  window(p).pad_top = 1, window(p).pad_left = 1, window(p).pad_right = 2;
  p.stages[0].depth_multiplier = 2;
  middle(p) = make_epilogue(true, activation_from_text("relu6"));
  output(p) = make_epilogue(true, activation_from_text("relu"));
  return p;
}

Shape shape_of(const ConvProblem& p, bool output, std::int64_t batch) {
  const std::int64_t H = output ? p.OH() : p.IH, W = output ? p.OW() : p.IW, C = output ? p.OC() : p.IC;
  return p.layout == Layout::nhwc ? Shape{batch, H, W, C} : Shape{batch, C, H, W};
}

/// Runs a layer on integers and compares with the definition; canaries lie around the output.
void expect_exact(const ConvLayer& layer, const ConvProblem& p, std::int64_t batch, const RunContext& context = {}) {
  constexpr std::size_t kMargin = 100;
  const std::vector<float> input = integer_values(input_elements(p) * batch, 3);
  const std::vector<float> wanted = naive_conv(p, layer.weights(), input, batch);
  std::vector<float> output(wanted.size() + 2 * kMargin, kCanary);
  const Status status = layer.run(context, dense_view(input.data(), shape_of(p, false, batch)),
                                  dense_view(output.data() + kMargin, shape_of(p, true, batch)));
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::size_t i = 0; i < kMargin; ++i) {
    ASSERT_EQ(output[i], kCanary);
    ASSERT_EQ(output[output.size() - 1 - i], kCanary);
  }
  EXPECT_EQ(std::vector<float>(output.begin() + kMargin, output.end() - kMargin), wanted);
}

TEST(NaiveConv, KnowsAResultByHand) {
  ConvProblem p = problem_of(separable_stages());
  p.IW = 3, window(p).KW = 2, p.stages.back().out_channels = 1;
  ConvWeights weights{{10, 1}, {2}};
  EXPECT_EQ(naive_conv(p, weights, {1, 2, 3}, 1), (std::vector<float>{24, 46}));
}

struct RunCase {
  const char* name;
  const char* stages;
  Layout layout;
  bool flat;
};

class LayerRun : public testing::TestWithParam<RunCase> {};

TEST_P(LayerRun, EqualsTheDefinition) {
  const RunCase& c = GetParam();
  ConvProblem p = base_problem(c.layout);
  if (c.stages == std::string("depthwise")) {
    middle(p) = output(p);
    p.stages.pop_back();
  } else if (c.stages == std::string("pointwise")) {
    p.stages.erase(p.stages.begin());
    window(p).stride_h = 2, window(p).pad_right = 2;
  }
  register_fake_kernel(p, {.symbol = std::string("run_") + c.name, .flat_output = c.flat, .call_scratch_bytes = 300});
  const ConvLayer layer(c.name, p, integer_weights(p));
  for (const std::int64_t batch : {1, 3}) {
    expect_exact(layer, p, batch);
    expect_exact(layer, p, batch, {&single_thread()});
  }
}

INSTANTIATE_TEST_SUITE_P(All, LayerRun,
                         testing::Values(RunCase{"separable_nhwc", "separable", Layout::nhwc, false},
                                         RunCase{"separable_nhwc_flat", "separable", Layout::nhwc, true},
                                         RunCase{"separable_nchw", "separable", Layout::nchw, false},
                                         RunCase{"separable_nchw_flat", "separable", Layout::nchw, true},
                                         RunCase{"depthwise_nhwc", "depthwise", Layout::nhwc, false},
                                         RunCase{"depthwise_nchw_flat", "depthwise", Layout::nchw, true},
                                         RunCase{"pointwise_nhwc", "pointwise", Layout::nhwc, false},
                                         RunCase{"pointwise_nchw", "pointwise", Layout::nchw, false}),
                         [](const auto& test) { return test.param.name; });

TEST(LayerRunViews, TakesAnyBatchPitch) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.IC = 4;
  register_fake_kernel(p, {.symbol = "batch_pitch"});
  const ConvLayer layer("pitched", p, integer_weights(p));
  const std::size_t in_image = input_elements(p), out_image = output_elements(p);
  const std::vector<float> dense = integer_values(2 * in_image, 5);
  const std::vector<float> wanted = naive_conv(p, layer.weights(), dense, 2);
  // Input and output images take turns in one buffer.
  const std::size_t pitch = in_image + out_image + 7;
  std::vector<float> memory(2 * pitch, kCanary);
  for (int n = 0; n < 2; ++n) std::copy_n(dense.begin() + n * in_image, in_image, memory.begin() + n * pitch);
  ConstTensorView in = dense_view(static_cast<const float*>(memory.data()), shape_of(p, false, 2));
  TensorView out = dense_view(memory.data() + in_image + 7, shape_of(p, true, 2));
  in.pitches[0] = out.pitches[0] = static_cast<std::int64_t>(pitch);
  const Status status = layer.run({}, in, out);
  ASSERT_TRUE(status.ok()) << status.message();
  for (std::size_t n = 0; n < 2; ++n) {
    for (std::size_t i = 0; i < out_image; ++i)
      ASSERT_EQ(memory[n * pitch + in_image + 7 + i], wanted[n * out_image + i]);
    for (std::size_t i = 0; i < 7; ++i) ASSERT_EQ(memory[n * pitch + in_image + i], kCanary);
  }
  // The same image for the whole batch.
  in = dense_view(dense.data(), shape_of(p, false, 2));
  in.pitches[0] = 0;
  std::vector<float> twice(2 * out_image);
  ASSERT_TRUE(layer.run({}, in, dense_view(twice.data(), shape_of(p, true, 2))).ok());
  EXPECT_TRUE(std::equal(twice.begin(), twice.begin() + out_image, wanted.begin()));
  EXPECT_TRUE(std::equal(twice.begin() + out_image, twice.end(), wanted.begin()));
}

TEST(LayerRunViews, BatchBeyond32BitOffsetsIsSplit) {
  ConvProblem p = problem_of(separable_stages());
  p.IC = 1, p.stages.back().out_channels = 2, p.IW = 2, set_bias(output(p), true);
  register_fake_kernel(p, {.symbol = "far_batch"});
  const ConvLayer layer("far", p, integer_weights(p));
  constexpr std::int64_t kBatch = 5, kPitch = std::int64_t{1} << 30;
  // Address space alone, which no machine is short of; then memory for the one page of each image.
  const std::size_t bytes = kBatch * kPitch * sizeof(float), page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED) << "cannot reserve " << bytes << " bytes of address space; `ulimit -v` limits it";
  for (std::int64_t n = 0; n < kBatch; ++n)
    ASSERT_EQ(mprotect(static_cast<float*>(memory) + n * kPitch, page, PROT_READ | PROT_WRITE), 0);
  const std::vector<float> input = integer_values(2 * kBatch, 9);
  TensorView out = dense_view(static_cast<float*>(memory), {kBatch, 1, 2, 2});
  out.pitches[0] = kPitch;
  const int before = fake_calls();
  const Status status = layer.run({}, dense_view(input.data(), {kBatch, 1, 2, 1}), out);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(fake_calls() - before, 3);  // 2 + 2 + 1 images
  const std::vector<float> wanted = naive_conv(p, layer.weights(), input, kBatch);
  for (std::int64_t n = 0; n < kBatch; ++n)
    for (int i = 0; i < 4; ++i) EXPECT_EQ(static_cast<float*>(memory)[n * kPitch + i], wanted[n * 4 + i]);
  munmap(memory, bytes);
}

TEST(LayerRunViews, EmptyBatchNeedsAKernelButNoCall) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.IC = 5;
  register_fake_kernel(p, {.symbol = "empty_batch"});
  const ConvLayer layer("empty", p, integer_weights(p));
  const int before = fake_calls();
  const Status status = layer.run({}, dense_view(static_cast<const float*>(nullptr), shape_of(p, false, 0)),
                                  dense_view(static_cast<float*>(nullptr), shape_of(p, true, 0)));
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(fake_calls(), before);
}

TEST(LayerRunViews, OneDimensionalProblemTakesRank3) {
  ConvProblem p = problem_of(separable_stages());
  p.IW = 9, p.IC = 3, p.stages.back().out_channels = 4, window(p).KW = 3, window(p).stride_w = 2,
  window(p).pad_left = 2;
  register_fake_kernel(p, {.symbol = "one_dimensional"});
  const ConvLayer layer("steps", p, integer_weights(p));
  const std::vector<float> input = integer_values(2 * 9 * 3, 6);
  std::vector<float> output(2 * p.OW() * 4);
  ASSERT_TRUE(layer.run({}, dense_view(input.data(), {2, 9, 3}), dense_view(output.data(), {2, p.OW(), 4})).ok());
  EXPECT_EQ(output, naive_conv(p, layer.weights(), input, 2));
  expect_exact(layer, p, 2);
}

TEST(DynamicProblem, KernelServesStaticProblemsWithTheirPads) {
  ConvProblem dynamic = base_problem(Layout::nhwc);
  dynamic.IC = 7;
  dynamic = with_dynamic_extents(dynamic);
  register_fake_kernel(dynamic, {.symbol = "dynamic_kernel"});
  for (const int extent : {4, 7, 12}) {
    ConvProblem p = base_problem(Layout::nhwc);
    p.IC = 7, p.IH = extent, p.IW = extent + 1, window(p).pad_top = extent % 3, window(p).pad_left = 2;
    const ConvLayer layer("served", p, integer_weights(p));
    ASSERT_NE(layer.kernel(), nullptr) << layer.why_not();
    expect_exact(layer, p, 2);
  }
}

TEST(DynamicProblem, LayerFindsValidAndSamePadsFromTheOutput) {
  ConvProblem dynamic = problem_of(separable_stages());
  dynamic.IH = dynamic.IW = window(dynamic).pad_top = window(dynamic).pad_bottom = window(dynamic).pad_left =
      window(dynamic).pad_right = kDynamic;
  dynamic.IC = 2, dynamic.stages.back().out_channels = 3, window(dynamic).KH = 3, window(dynamic).KW = 4,
  window(dynamic).stride_h = 2, window(dynamic).dilation_w = 2;
  register_fake_kernel(dynamic, {.symbol = "dynamic_layer"});
  const ConvLayer layer("free", dynamic, integer_weights(dynamic));
  const auto same_total = [](int n, int e, int s) { return std::max(((n + s - 1) / s - 1) * s + e - n, 0); };
  int ran = 0;
  for (int H = 1; H < 9; ++H)
    for (int W = 1; W < 12; ++W)
      for (const bool same : {false, true}) {
        ConvProblem p = dynamic;
        p.IH = H, p.IW = W;
        window(p).pad_top = window(p).pad_bottom = window(p).pad_left = window(p).pad_right = 0;
        if (same) {
          const int h = same_total(H, 3, 2), w = same_total(W, 7, 1);
          window(p).pad_top = h / 2, window(p).pad_bottom = h - h / 2, window(p).pad_left = w / 2,
          window(p).pad_right = w - w / 2;
        }
        if (p.OH() < 1 || p.OW() < 1) continue;
        expect_exact(layer, p, 1);
        ++ran;
      }
  EXPECT_GT(ran, 100);
  std::vector<float> input(10 * 10 * 2), output(10 * 10 * 3);
  const Status status =
      layer.run({}, dense_view(input.data(), {1, 10, 10, 2}), dense_view(output.data(), {1, 3, 4, 3}));
  EXPECT_EQ(status.code(), StatusCode::invalid_shape);
}

TEST(Copies, ShareWeightsAndKernel) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.IC = 9;
  register_fake_kernel(p, {.symbol = "copies"});
  const ConvLayer layer("original", p, integer_weights(p));
  const ConvLayer copy = layer;
  EXPECT_EQ(&copy.weights(), &layer.weights());
  expect_exact(copy, p, 1);
  ConvProblem other = p;
  other.IH = 11;
  EXPECT_EQ(&layer.with_problem(other).weights(), &layer.weights());
  other.stages.back().out_channels = 11;
  EXPECT_THROW(layer.with_problem(other), std::invalid_argument);
}

/// A kernel that only tells its first weight.
float first_weight = 0;
int tell_first_weight(void** argv) {
  first_weight = *reinterpret_cast<const float*>(static_cast<const detail::HalideBuffer*>(argv[2])->host);
  return 0;
}

TEST(Copies, OfAnotherTypeHaveWeightsOfTheirOwn) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.stages.erase(p.stages.begin());
  p.IC = 14;
  ConvProblem half = p;
  half.dtype = DataType::float16;
  static CompiledKernel kernels[2] = {add_fake_kernel(p, {.symbol = "weights_f32"}),
                                      add_fake_kernel(half, {.symbol = "weights_f16"})};
  for (CompiledKernel& kernel : kernels) kernel.function = tell_first_weight;
  static const KernelTable table{"types", kernels, 2, nullptr, 0};
  use_kernels(table);
  ConvWeights weights = integer_weights(p);
  std::vector<float> pointwise = weights.arrays[0].to_floats();
  pointwise[0] = 1.0001f;  // 1 in float16
  weights.arrays[0] = pointwise;
  const ConvLayer layer("types", p, weights);
  std::vector<float> input(input_elements(p)), output(output_elements(p));
  ASSERT_TRUE(
      layer.run({}, dense_view(input.data(), shape_of(p, false, 1)), dense_view(output.data(), shape_of(p, true, 1)))
          .ok());
  EXPECT_EQ(first_weight, 1.0001f);
  std::vector<float16> half_input(input_elements(p)), half_output(output_elements(p));
  ASSERT_TRUE(layer.with_problem(half)
                  .run({}, dense_view(half_input.data(), shape_of(p, false, 1)),
                       dense_view(half_output.data(), shape_of(p, true, 1)))
                  .ok());
  EXPECT_EQ(first_weight, 1.0f);
}

TEST(Copies, ALayerThatWasMovedFromStillRuns) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.IC = 15;
  register_fake_kernel(p, {.symbol = "moved"});
  ConvLayer layer("moved", p, integer_weights(p));
  const ConvLayer moved = std::move(layer);
  expect_exact(moved, p, 1);
  expect_exact(layer, p, 1);  // NOLINT(bugprone-use-after-move): that is the test
}

TEST(Construction, RefusesWrongWeightsAndProblems) {
  ConvProblem p = base_problem(Layout::nhwc);
  ConvWeights weights = integer_weights(p);
  weights.arrays[2] = std::vector<float>(weights.arrays[2].size() - 1);
  try {
    ConvLayer layer("bad", p, weights);
    FAIL();
  } catch (const std::invalid_argument& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("weights1"), std::string::npos) << text;
    EXPECT_NE(text.find("59"), std::string::npos) << text;
    EXPECT_NE(text.find("60"), std::string::npos) << text;
  }
  weights = integer_weights(p);
  window(p).stride_h = 0;
  EXPECT_THROW(ConvLayer("bad", p, weights), std::invalid_argument);
}

TEST(KernelErrors, BecomeAStatus) {
  ConvProblem p = base_problem(Layout::nhwc);
  p.IC = 10;
  register_fake_kernel(p, {.symbol = "failing_kernel", .error = -17});
  const ConvLayer layer("fails", p, integer_weights(p));
  std::vector<float> input(input_elements(p)), output(output_elements(p));
  const Status status =
      layer.run({}, dense_view(input.data(), shape_of(p, false, 1)), dense_view(output.data(), shape_of(p, true, 1)));
  EXPECT_EQ(status.code(), StatusCode::kernel_failed);
  EXPECT_NE(std::string(status.message()).find("failing_kernel"), std::string::npos);
  EXPECT_NE(std::string(status.message()).find("-17"), std::string::npos);
}

}  // namespace
}  // namespace sepconv::test
