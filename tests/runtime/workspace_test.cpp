// The workspace's exact size, what is in it, and that a call with one allocates nothing. This program counts every
// allocation of the process, so it is one of its own.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>

#include "runtime/core/memory_plan.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/layers.h"
#include "sepconv/network.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/network_plans.h"
#include "tests/stage_lists.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEPCONV_TEST_COUNTS_MALLOC 0  // the sanitizers bring their own malloc; operator new is counted all the same
#else
#define SEPCONV_TEST_COUNTS_MALLOC 1
#endif

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes == 0 ? 1 : bytes) != 0) return nullptr;
  return memory;
}
void* counted_or_throw(std::size_t bytes, std::size_t alignment) {
  void* memory = counted(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
}  // namespace

void* operator new(std::size_t bytes) { return counted_or_throw(bytes, alignof(std::max_align_t)); }
void* operator new[](std::size_t bytes) { return counted_or_throw(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t a) { return counted_or_throw(bytes, std::size_t(a)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return counted(bytes, std::size_t(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

#if SEPCONV_TEST_COUNTS_MALLOC
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void* malloc(std::size_t bytes) {
  ++allocations;
  return __libc_malloc(bytes);
}
void* calloc(std::size_t count, std::size_t bytes) {
  ++allocations;
  return __libc_calloc(count, bytes);
}
void* realloc(void* p, std::size_t bytes) {
  ++allocations;
  return __libc_realloc(p, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  ++allocations;
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t bytes) {
  ++allocations;
  *p = __libc_memalign(alignment, bytes);
  return *p == nullptr ? 12 : 0;
}
}
#endif

namespace sepconv::test {
namespace {

ConvProblem problem(int channels) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 8, p.IW = 8, p.IC = channels, p.stages.back().out_channels = 6, window(p).KH = window(p).KW = 3,
  set_bias(output(p), true);
  return p;
}

long allocations_during(const std::function<void()>& action) {
  const long before = allocations;
  action();
  return allocations - before;
}

TEST(Counter, SeesAllocations) {
  // Through volatile pointers: a compiler may leave out allocations that nothing sees.
  EXPECT_GE(allocations_during([] {
              void* volatile one = ::operator new(400);
              void* volatile array = ::operator new[](24);
              ::operator delete(one);
              ::operator delete[](array);
            }),
            2);
  EXPECT_GE(
      allocations_during([] { ::operator delete (::operator new (64, std::align_val_t{64}), std::align_val_t{64}); }),
      1);
#if SEPCONV_TEST_COUNTS_MALLOC
  EXPECT_GE(allocations_during([] {
              void* volatile memory = std::malloc(10);
              std::free(memory);
            }),
            1);
#endif
}

class Workspaces : public testing::TestWithParam<bool> {};

TEST_P(Workspaces, ExactBytesServeAndOneLessIsRefused) {
  const bool pool = GetParam();
  const ConvProblem p = problem(pool ? 3 : 4);
  register_fake_kernel(p, {.symbol = pool ? "workspace_pool" : "workspace_single", .call_scratch_bytes = 5000});
  const ConvLayer layer("exact", p, integer_weights(p));
  RunContext context{pool ? &process_pool() : &single_thread()};
  const std::size_t bytes = layer.workspace_bytes(context);
  EXPECT_GE(bytes, 5000 + context.executor->concurrency() * (p.IC * sizeof(float) + 20));

  const std::vector<float> input = integer_values(2 * input_elements(p), 1);
  const std::vector<float> wanted = naive_conv(p, layer.weights(), input, 2);
  std::vector<float> output(wanted.size());
  const ConstTensorView in = dense_view(input.data(), {2, 8, 8, p.IC});
  const TensorView out = dense_view(output.data(), {2, 6, 6, 6});
  constexpr std::size_t kMargin = 128;
  constexpr unsigned char kCanary = 0xff;  // four of them are a NaN: stale scratch must not reach the result
  for (std::size_t shift = 0; shift < 80; shift += 13) {
    std::vector<unsigned char> memory(bytes + 2 * kMargin + shift, kCanary);
    std::fill(output.begin(), output.end(), 0.0f);
    context.workspace = {memory.data() + kMargin + shift, bytes};
    Status status;
    const long count = allocations_during([&] { status = layer.run(context, in, out); });
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(count, 0);
    EXPECT_EQ(output, wanted);
    for (std::size_t i = 0; i < kMargin; ++i) {
      ASSERT_EQ(memory[shift + i], kCanary);
      ASSERT_EQ(memory[memory.size() - 1 - i], kCanary);
    }
  }
  std::vector<unsigned char> memory(bytes);
  context.workspace = {memory.data(), bytes - 1};
  std::fill(output.begin(), output.end(), 9.0f);
  const int calls = fake_calls();
  const Status status = layer.run(context, in, out);
  EXPECT_EQ(status.code(), StatusCode::workspace_too_small);
  EXPECT_NE(std::string(status.message()).find(std::to_string(bytes)), std::string::npos) << status.message();
  EXPECT_EQ(fake_calls(), calls);
  EXPECT_EQ(output, std::vector<float>(output.size(), 9.0f));
}

INSTANTIATE_TEST_SUITE_P(All, Workspaces, testing::Bool(),
                         [](const auto& test) { return test.param ? "pool" : "single"; });

TEST(Workspace, KerasLayersAllocateNothingEither) {
  SeparableConv2D conv({.filters = 6, .kernel_size = 3, .strides = 2, .padding = "same", .activation = "relu"});
  conv.build({9, 9, 5});
  ConvProblem p = problem(5);
  p.IH = p.IW = 9, window(p).stride_h = window(p).stride_w = 2,
  window(p).pad_top = window(p).pad_bottom = window(p).pad_left = window(p).pad_right = 1;
  set_activation(output(p), activation_from_text("relu"));
  register_fake_kernel(p, {.symbol = "workspace_keras"});
  RunContext context{&process_pool()};
  std::vector<char> memory(conv.workspace_bytes({9, 9, 5}, context));
  context.workspace = {memory.data(), memory.size()};
  std::vector<float> input(9 * 9 * 5, 1.0f), output(5 * 5 * 6, -1.0f);
  const ConstTensorView in = dense_view(input.data(), {1, 9, 9, 5});
  const TensorView out = dense_view(output.data(), {1, 5, 5, 6});
  Status status;
  EXPECT_EQ(allocations_during([&] { status = conv.run(context, in, out); }), 0);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_GE(output[0], 0.0f);
}

TEST(Workspace, ErrorsOfViewsAllocateNothing) {
  const ConvProblem p = problem(7);
  register_fake_kernel(p, {.symbol = "workspace_errors"});
  const ConvLayer layer("errors", p, integer_weights(p));
  std::vector<float> input(input_elements(p)), output(output_elements(p));
  const ConstTensorView in = dense_view(input.data(), {1, 8, 8, 7});
  const TensorView out = dense_view(output.data(), {1, 6, 6, 6});
  TensorView wrong = out;
  wrong.extents[2] = 5;
  ASSERT_NE(layer.kernel(), nullptr);
  StatusCode code = StatusCode::ok;
  EXPECT_EQ(allocations_during([&] { code = layer.run({}, in, wrong).code(); }), 0);
  EXPECT_EQ(code, StatusCode::invalid_shape);
}

TEST(Workspace, ANetworkAllocatesNothing) {
  NetworkBuilder b = chain(5, 3, {2, 6, 7, 3});
  detail::plan_memory(b.plan);
  std::vector<NamedWeights> weights;
  for (const NetworkStep& step : b.plan.steps) {
    register_fake_kernel(step.problem, {.symbol = "workspace_" + step.layer, .call_scratch_bytes = 999});
    weights.push_back({step.layer, step.problem, integer_weights(step.problem)});
  }
  const Network network(b.plan, weights);
  for (Executor* executor : {&single_thread(), &process_pool()}) {
    RunContext context{executor, {}};
    const std::int64_t batch = 3;
    std::vector<char> memory(network.workspace_bytes(batch, context));
    context.workspace = {memory.data(), memory.size()};
    Tensor in({batch, 5, 3, 2}), out({batch, 5, 3, 3});
    const ConstTensorView in_view = in;
    const TensorView out_view = out;
    ASSERT_TRUE(network.run(context, in_view, out_view).ok());
    EXPECT_EQ(allocations_during([&] { EXPECT_TRUE(network.run(context, in_view, out_view).ok()); }), 0);
  }
}

}  // namespace
}  // namespace sepconv::test
