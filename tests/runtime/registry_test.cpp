// Tables of generated libraries: what is accepted, what is refused, libraries that are loaded.

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

ConvProblem problem(int channels) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 3, p.IW = 3, p.IC = channels, p.stages.back().out_channels = 2, window(p).KH = 3, window(p).KW = 3;
  return p;
}

std::size_t rows_named(const std::string& symbol) {
  std::size_t count = 0;
  for (const RegisteredKernel& kernel : registered_kernels()) count += symbol == kernel.kernel->symbol;
  return count;
}

TEST(Registry, SameTableTwiceIsFine) {
  const KernelTable& table = fake_table("twice", add_fake_kernel(problem(21), {.symbol = "registered_twice"}));
  use_kernels(table);
  use_kernels(table);
  EXPECT_EQ(rows_named("registered_twice"), 1u);
}

TEST(Registry, TwoLibrariesInOneProgram) {
  const KernelTable& a = fake_table("library_a", add_fake_kernel(problem(22), {.symbol = "a_kernel", .rank = 1}));
  const KernelTable& b = fake_table("library_b", add_fake_kernel(problem(22), {.symbol = "b_kernel", .rank = 2}));
  const KernelTable& c = fake_table("library_c", add_fake_kernel(problem(23), {.symbol = "c_kernel"}));
  for (const KernelTable* table : {&a, &b, &c}) use_kernels(*table);
  EXPECT_EQ(ConvLayer("x", problem(22), integer_weights(problem(22))).kernel(), b.kernels);
  EXPECT_EQ(ConvLayer("x", problem(23), integer_weights(problem(23))).kernel(), c.kernels);
}

struct BadKernel {
  const char* name;
  const char* word;  // in the message
  std::function<void(CompiledKernel&)> spoil;
};

class RefusedKernel : public testing::TestWithParam<BadKernel> {};

TEST_P(RefusedKernel, NamesLibraryAndKernel) {
  const std::string symbol = std::string("refused_") + GetParam().name;
  CompiledKernel kernels[2] = {add_fake_kernel(problem(24), {.symbol = symbol + "_good"}),
                               add_fake_kernel(problem(24), {.symbol = symbol})};
  GetParam().spoil(kernels[1]);
  const KernelTable table{"speech", kernels, 2, nullptr, 0};
  try {
    use_kernels(table);
    FAIL();
  } catch (const std::invalid_argument& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("'speech', kernel 1"), std::string::npos) << text;
    EXPECT_NE(text.find(GetParam().word), std::string::npos) << text;
  }
  EXPECT_EQ(rows_named(symbol + "_good"), 0u) << "a table is taken whole or not at all";
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedKernel,
    testing::Values(
        BadKernel{"abi", "ABI version 1", [](CompiledKernel& kernel) { kernel.abi = 1; }},
        BadKernel{"function", "no function", [](CompiledKernel& kernel) { kernel.function = nullptr; }},
        BadKernel{"symbol", "no symbol", [](CompiledKernel& kernel) { kernel.symbol = nullptr; }},
        BadKernel{"target", "no target", [](CompiledKernel& kernel) { kernel.target = nullptr; }},
        BadKernel{"schedule", "no schedule", [](CompiledKernel& kernel) { kernel.schedule = nullptr; }},
        BadKernel{"no_problem", "no problem", [](CompiledKernel& kernel) { kernel.problem = nullptr; }},
        BadKernel{"problem", "ConvProblem", [](CompiledKernel& kernel) { kernel.problem = "f32_nhwc"; }},
        BadKernel{"depthwise_panel", "depthwise_panel", [](CompiledKernel& kernel) { kernel.depthwise_panel = 0; }},
        BadKernel{"pointwise_panel", "pointwise_panel", [](CompiledKernel& kernel) { kernel.pointwise_panel = -8; }},
        BadKernel{"flat", "flat_output", [](CompiledKernel& kernel) { kernel.flat_output = 2; }},
        BadKernel{"scratch", "scratch", [](CompiledKernel& kernel) { kernel.task_scratch_bytes = ~std::uint64_t{0}; }},
        BadKernel{"scratch_beyond_int", "scratch",
                  [](CompiledKernel& kernel) { kernel.call_scratch_bytes = std::uint64_t{1} << 31; }}),
    [](const auto& test) { return test.param.name; });

TEST(Registry, AnotherRowOfTheSameSymbolIsRefused) {
  const CompiledKernel& kernel = add_fake_kernel(problem(25), {.symbol = "contested"});
  use_kernels(fake_table("first", kernel));
  static CompiledKernel other = kernel;
  other.schedule = "another";
  try {
    use_kernels(fake_table("second", other));
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("'second'"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("contested"), std::string::npos) << error.what();
  }
  EXPECT_EQ(rows_named("contested"), 1u);
}

TEST(Registry, ConcurrentRegistrationLosesNothing) {
  std::vector<const KernelTable*> tables;
  for (int i = 0; i < 8; ++i)
    tables.push_back(
        &fake_table("concurrent", add_fake_kernel(problem(30 + i), {.symbol = "concurrent_" + std::to_string(i)})));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (const KernelTable* table : tables) use_kernels(*table);
    });
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < 8; ++i) EXPECT_EQ(rows_named("concurrent_" + std::to_string(i)), 1u);
}

TEST(LoadKernelLibrary, RegistersAndCalls) {
  const KernelTable& table = load_kernel_library(SEPCONV_TEST_KERNEL_LIBRARY);
  EXPECT_STREQ(table.library, "loaded");
  ASSERT_EQ(table.kernel_count, 1u);
  load_kernel_library(SEPCONV_TEST_KERNEL_LIBRARY);
  EXPECT_EQ(rows_named("loaded_double"), 1u);
  const ConvProblem p = problem_from_text(table.kernels[0].problem);
  const ConvLayer layer("loaded", p, {{2.0f}});
  const float input[3] = {1, 2, 3};
  float output[3] = {};
  const Status status = layer.run({}, dense_view(input, {1, 3, 1}), dense_view(output, {1, 3, 1}));
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(output[2], 6.0f);
}

TEST(LoadKernelLibrary, RefusesOtherFiles) {
  const auto message_of = [](const char* path) -> std::string {
    try {
      load_kernel_library(path);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message_of("no/such/library.so").find("no/such/library.so"), std::string::npos);
  EXPECT_NE(message_of(SEPCONV_TEST_PLAIN_LIBRARY).find("sepconv_kernel_table"), std::string::npos);
}

TEST(MismatchReason, NamesTheField) {
  const ConvProblem p = problem(26);
  EXPECT_EQ(mismatch_reason(p, p), "");
  const auto reason = [&](const std::function<void(ConvProblem&)>& change) {
    ConvProblem kernel = p;
    change(kernel);
    return mismatch_reason(kernel, p);
  };
  EXPECT_EQ(reason([](ConvProblem& r) { r.layout = Layout::nchw; }), "layout nchw, wanted nhwc");
  EXPECT_EQ(reason([](ConvProblem& r) { window(r).KW = 5; }), "window of stage 0 3x5, wanted 3x3");
  EXPECT_EQ(reason([](ConvProblem& r) { window(r).dilation_h = 2; }), "dilation of stage 0 2x1, wanted 1x1");
  EXPECT_EQ(reason([](ConvProblem& r) { r.IH = 4; }), "input 4x3, wanted 3x3");
  EXPECT_EQ(reason([](ConvProblem& r) { window(r).pad_bottom = 1; }), "pads (top x bottom) of stage 0 0x1, wanted 0x0");
  EXPECT_EQ(reason([](ConvProblem& r) { window(r).pad_left = 1; }), "pads (left x right) of stage 0 1x0, wanted 0x0");
  EXPECT_EQ(reason([](ConvProblem& r) { r.stages.back().out_channels = 7; }), "channels (in x out) 26x7, wanted 26x2");
  EXPECT_EQ(reason([](ConvProblem& r) { set_bias(output(r), true); }), "epilogue of stage 1 bias, wanted none");
  EXPECT_EQ(reason([](ConvProblem& r) { set_activation(middle(r), activation_from_text("relu6")); }),
            "epilogue of stage 0 relu6, wanted none");
  EXPECT_EQ(reason([](ConvProblem& r) { r = with_dynamic_extents(r); }), "");
  EXPECT_EQ(reason([](ConvProblem& r) { r.IW = window(r).pad_left = window(r).pad_right = kDynamic; }), "");
  EXPECT_NE(mismatch_reason(p, with_dynamic_extents(p)), "");
}

}  // namespace
}  // namespace sepconv::test
