// Which kernel a layer takes, and what it says about the others.

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <thread>

#include "runtime/core/cpu_features.h"
#include "runtime/core/feature_table.h"
#include "sepconv/executor.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

constexpr std::uint64_t kNobodyHas = std::uint64_t{1} << 41;

/// Tests use different channels, so that their kernels do not meet.
ConvProblem problem(int channels) {
  ConvProblem p = problem_of(depthwise_stages());
  p.IH = 4, p.IW = 4, p.IC = channels, window(p).KH = window(p).KW = 3;
  return p;
}

ConvLayer layer_of(const ConvProblem& p) { return ConvLayer("block/conv", p, integer_weights(p)); }

bool runs(const ConvLayer& layer) {
  const ConvProblem& p = layer.problem();
  const std::vector<float> input = integer_values(input_elements(p), 1);
  std::vector<float> output(output_elements(p));
  const Status status = layer.run({&single_thread()}, dense_view(input.data(), {1, p.IH, p.IW, p.IC}),
                                  dense_view(output.data(), {1, p.OH(), p.OW(), p.OC()}));
  return status.ok() && output == naive_conv(p, layer.weights(), input, 1);
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in: " << text;
}

TEST(Choice, HighestRankThatRuns) {
  const ConvProblem p = problem(2);
  register_fake_kernel(p, {.symbol = "rank_low", .target = "t-low", .rank = 1});
  const CompiledKernel& middle = register_fake_kernel(p, {.symbol = "rank_middle", .target = "t-middle", .rank = 2});
  register_fake_kernel(p, {.symbol = "rank_best", .target = "t-best", .required_features = kNobodyHas, .rank = 3});
  const ConvLayer layer = layer_of(p);
  EXPECT_EQ(layer.kernel(), &middle);
  EXPECT_TRUE(runs(layer));
  const std::string text = layer.why_not();
  expect_contains(text, "taken: rank_middle (t-middle)\n");
  expect_contains(text, "refused: rank_low (t-low): lower rank (1) than 'rank_middle' (2)\n");
  expect_contains(text, "refused: rank_best (t-best): this CPU or its operating system lacks unknown feature 41\n");
}

TEST(Choice, RowsOfGpusAreNotForTheCpu) {
  const ConvProblem p = problem(11);
  const CompiledKernel& cpu = register_fake_kernel(p, {.symbol = "beside_a_gpu", .rank = 1});
  register_fake_kernel(p, {.symbol = "on_a_gpu", .target = "gpu", .required_features = kDeviceCuda80, .rank = 90});
  const ConvLayer layer = layer_of(p);
  EXPECT_EQ(layer.kernel(), &cpu);
  expect_contains(
      layer.why_not(),
      "refused: on_a_gpu (gpu): made for a CUDA device of capability 8.0 or higher; only a GpuLayer can call it\n");
  EXPECT_THROW(layer_of(p).force_kernel("gpu"), std::invalid_argument);
}

TEST(Choice, FeaturesThatTheCpuHas) {
  const ConvProblem p = problem(3);
  const CompiledKernel& kernel =
      register_fake_kernel(p, {.symbol = "has_all", .required_features = detected_cpu_features(), .rank = 9});
  register_fake_kernel(p, {.symbol = "has_none", .rank = 8});
  EXPECT_EQ(layer_of(p).kernel(), &kernel);
}

TEST(Choice, StaticBeforeDynamicOfEqualRank) {
  const ConvProblem p = problem(4);
  const CompiledKernel& dynamic = register_fake_kernel(with_dynamic_extents(p), {.symbol = "any_size"});
  EXPECT_EQ(layer_of(p).kernel(), &dynamic);
  const CompiledKernel& fixed = register_fake_kernel(p, {.symbol = "this_size"});
  const ConvLayer layer = layer_of(p);
  EXPECT_EQ(layer.kernel(), &fixed);
  expect_contains(layer.why_not(), "refused: any_size (fake): dynamic extents; 'this_size' has static ones");
}

TEST(Choice, NoKernelNamesProblemAndCommand) {
  const ConvProblem p = problem(5);
  ConvProblem other = p;
  window(other).stride_w = 2;
  register_fake_kernel(other, {.symbol = "other_stride"});
  const ConvLayer layer = layer_of(p);
  EXPECT_EQ(layer.kernel(), nullptr);
  std::vector<float> input(input_elements(p)), output(output_elements(p), 5.0f);
  const Status status = layer.run({}, dense_view(input.data(), {1, 4, 4, 5}), dense_view(output.data(), {1, 2, 2, 5}));
  EXPECT_EQ(status.code(), StatusCode::no_kernel);
  expect_contains(status.message(), to_text(p));
  expect_contains(status.message(), "sepconv compile MODEL --layers 'block/conv'");
  expect_contains(status.message(), "are for other problems");
#if defined(__aarch64__)
  expect_contains(status.message(), " --target arm-64");
#elif defined(__x86_64__)
  const std::uint64_t features = detected_cpu_features();
  const char* target = features & kCpuAvx512Skylake ? " --target x86-64-avx512 -o"
                       : features & kCpuAvx2        ? " --target x86-64-avx2 -o"
                                                    : " --target x86-64-sse41 -o";
  expect_contains(status.message(), target);
#endif
  expect_contains(layer.why_not(), "refused: other_stride (fake): made for another problem: strides 1x2, wanted 1x1");
  EXPECT_EQ(output, std::vector<float>(output.size(), 5.0f));
  EXPECT_THROW(static_cast<void>(layer.workspace_bytes()), std::invalid_argument);
}

TEST(Choice, KernelRegisteredLaterIsFoundAndThenKept) {
  const ConvProblem p = problem(6);
  const ConvLayer layer = layer_of(p);
  EXPECT_EQ(layer.kernel(), nullptr);
  const CompiledKernel& first = register_fake_kernel(p, {.symbol = "late", .rank = 1});
  EXPECT_EQ(layer.kernel(), &first);
  register_fake_kernel(p, {.symbol = "too_late", .rank = 2});
  EXPECT_EQ(layer.kernel(), &first);
  EXPECT_TRUE(runs(layer));
}

TEST(Forced, BySymbolAndByTarget) {
  const ConvProblem p = problem(7);
  const CompiledKernel& slow = register_fake_kernel(p, {.symbol = "forced_slow", .target = "t-slow", .rank = 1});
  const CompiledKernel& fast = register_fake_kernel(p, {.symbol = "forced_fast", .target = "t-fast", .rank = 2});
  ConvLayer layer = layer_of(p);
  const ConvLayer copy = layer;
  layer.force_kernel("forced_slow");
  EXPECT_EQ(layer.kernel(), &slow);
  EXPECT_EQ(copy.kernel(), &fast);
  EXPECT_TRUE(runs(layer));
  expect_contains(layer.why_not(),
                  "refused: forced_fast (t-fast): the choice is restricted by force_kernel('forced_slow')");
  layer.force_kernel("t-fast");
  EXPECT_EQ(layer.kernel(), &fast);
  layer.force_kernel("t-slow");
  EXPECT_EQ(layer.kernel(), &slow);
  layer.force_kernel("");
  EXPECT_EQ(layer.kernel(), &fast);
}

TEST(Forced, KernelThatTheCpuCannotRunIsRefusedAndNotExecuted) {
  const ConvProblem p = problem(8);
  register_fake_kernel(p,
                       {.symbol = "impossible", .target = "t-impossible", .required_features = kCpuFma | kNobodyHas});
  const CompiledKernel& possible = register_fake_kernel(p, {.symbol = "possible", .target = "t-possible"});
  ConvLayer layer = layer_of(p);
  for (const char* name : {"impossible", "t-impossible"}) {
    try {
      layer.force_kernel(name);
      FAIL();
    } catch (const std::invalid_argument& error) {
      expect_contains(error.what(), "lacks");
      expect_contains(error.what(), "unknown feature 41");
      expect_contains(error.what(), name);
    }
  }
  EXPECT_EQ(layer.kernel(), &possible);
  EXPECT_THROW(layer.force_kernel("no_such_kernel"), std::invalid_argument);
  EXPECT_TRUE(runs(layer));
}

/// Runs where tests/runtime/CMakeLists.txt sets the variable, once to each of the two.
class WithSepconvTarget : public testing::Test {
 protected:
  void SetUp() override {
    const char* target = std::getenv("SEPCONV_TARGET");
    if (target == nullptr) GTEST_SKIP() << "SEPCONV_TARGET is not set";
    target_ = target;
  }

  std::string target_;
};

TEST_F(WithSepconvTarget, ALayerTakesItsKernelOrNone) {
  const ConvProblem p = problem(9);
  const CompiledKernel& slow = register_fake_kernel(p, {.symbol = "env_slow", .target = "env-slow", .rank = 1});
  register_fake_kernel(p, {.symbol = "env_fast", .target = "env-fast", .rank = 2});
  register_fake_kernel(p, {.symbol = "env_never", .target = "env-never", .required_features = kNobodyHas, .rank = 3});
  const ConvLayer layer = layer_of(p);
  expect_contains(layer.why_not(), "restricted by SEPCONV_TARGET=" + target_);
  if (target_ == "env-slow") {
    EXPECT_EQ(layer.kernel(), &slow);
    return;
  }
  ASSERT_EQ(target_, "env-never");
  EXPECT_EQ(layer.kernel(), nullptr);
  std::vector<float> input(input_elements(p)), output(output_elements(p));
  const int before = fake_calls();
  const Status status = layer.run({}, dense_view(input.data(), {1, 4, 4, 9}), dense_view(output.data(), {1, 2, 2, 9}));
  EXPECT_EQ(status.code(), StatusCode::no_kernel);
  expect_contains(status.message(), "SEPCONV_TARGET=env-never");
  expect_contains(status.message(), "lacks unknown feature 41");
  EXPECT_EQ(fake_calls(), before);
}

TEST(Choice, ConcurrentFirstNeedsAgree) {
  const ConvProblem p = problem(10);
  const CompiledKernel& kernel = register_fake_kernel(p, {.symbol = "first_need"});
  for (int round = 0; round < 20; ++round) {
    const ConvLayer layer = layer_of(p);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_EQ(layer.kernel(), &kernel); });
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(CpuFeatures, EachHasABitAndNamesOfItsOwn) {
  std::set<std::string> names, assembler_names;
  std::uint64_t cpu = 0;
  const auto add = [&](CpuFeature bit, const char* name, const char* assembler, const auto&) {
    EXPECT_EQ(bit & (bit - 1), 0u) << name;
    EXPECT_EQ(cpu & bit, 0u) << name;
    cpu |= bit;
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(assembler_names.insert(assembler).second) << assembler;
    EXPECT_EQ(cpu_feature_names(bit), name);
  };
  detail::visit_x86_features(add);
  detail::visit_arm_features(add);
  EXPECT_EQ(cpu & (cpu + 1), 0u) << "a bit has no line in the table";
  detail::visit_device_features([&](CpuFeature bit, const char* name, int) {
    EXPECT_EQ(cpu_feature_names(bit), name);
    EXPECT_TRUE(names.insert(name).second) << name;
  });
  const std::uint64_t devices = detail::device_features() >> 32;
  EXPECT_EQ(devices << 32, detail::device_features()) << "a device has the bit of a CPU feature";
  EXPECT_EQ(devices & (devices + 1), 0u) << "a bit has no line in the table";
  EXPECT_EQ(detected_cpu_features() & ~cpu, 0u);
}

TEST(CpuFeatures, OfACudaDeviceAreThoseOfAllLowerCapabilities) {
  EXPECT_EQ(detail::cuda_device_features(3, 7), 0u);
  EXPECT_EQ(detail::cuda_device_features(6, 1), kDeviceCuda50);
  EXPECT_EQ(detail::cuda_device_features(8, 0), kDeviceCuda50 | kDeviceCuda70 | kDeviceCuda80);
  EXPECT_EQ(detail::cuda_device_features(12, 0), detail::device_features() & ~kDeviceOpenCl);
}

TEST(CpuFeatures, NamesAndImplications) {
  EXPECT_EQ(cpu_feature_names(0), "");
  EXPECT_EQ(cpu_feature_names(kCpuSse41 | kCpuAvx2), "sse4.1, avx2");
  EXPECT_EQ(cpu_feature_names(kCpuAvx512Skylake | kNobodyHas), "avx512 (f, cd, vl, dq, bw), unknown feature 41");
  const std::uint64_t features = detected_cpu_features();
  if (features & (kCpuAvx2 | kCpuFma | kCpuF16c)) {
    EXPECT_TRUE(features & kCpuAvx);
  }
#if defined(__x86_64__)
  // The compiler's own detection, of which a build for `make test-isa` may hide a part.
  const bool masked = std::getenv("SEPCONV_TEST_CPU") != nullptr;
  const auto expect = [&](std::uint64_t feature, bool supported) {
    const bool detected = (features & feature) != 0;
    EXPECT_TRUE(masked ? !detected || supported : detected == supported) << cpu_feature_names(feature);
  };
  expect(kCpuAvx2, __builtin_cpu_supports("avx2"));
  expect(kCpuFma, __builtin_cpu_supports("fma"));
  expect(kCpuBmi, __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"));
  expect(kCpuSse41, __builtin_cpu_supports("sse4.1"));
  expect(kCpuAvx512Skylake, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                                __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                                __builtin_cpu_supports("avx512bw"));
#endif
}

}  // namespace
}  // namespace sepconv::test
