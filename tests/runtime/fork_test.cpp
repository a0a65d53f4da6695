// Layers in a child of fork(), while other threads of the parent run layers.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/layers.h"
#include "tests/runtime/fake_kernels.h"

namespace sepconv::test {
namespace {

bool run_once(const SeparableConv1D& layer, int length, Executor& executor) {
  std::vector<float> input(static_cast<std::size_t>(length) * 5, 1.0f), output(static_cast<std::size_t>(length) * 2);
  return layer
      .run({.executor = &executor}, dense_view(static_cast<const float*>(input.data()), {1, length, 5}),
           dense_view(output.data(), {1, length, 2}))
      .ok();
}

TEST(Fork, TheChildRunsLayers) {
  const std::unique_ptr<Executor> own_pool = make_thread_pool(4);
  const std::array<Executor*, 2> pools = {own_pool.get(), &process_pool()};
  SeparableConv1D layer({.filters = 2, .kernel_size = 3, .padding = "same"});
  layer.build({kDynamic, 5});
  register_fake_kernel(with_dynamic_extents(layer.layer_for({9, 5}).problem()), {.symbol = "forked"});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      // New sizes too: they take the locks of layers, registry and weights.
      for (int length = 1; !stop; ++length) run_once(layer, 1 + (3 * length + t) % 3000, *pools[length % 2]);
    });
  int failed = 0;
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);  // ends a child that hangs
      bool ok = true;
      for (int length = 3000; length < 3005; ++length) ok = run_once(layer, length, *pools[length % 2]) && ok;
      make_thread_pool(2);  // made and ended in the child
      ::_exit(ok && process_pool().concurrency() >= 1 ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    failed += status != 0;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(run_once(layer, 17, *own_pool));
}

TEST(Fork, TheChildMayEndAPoolOfItsParent) {
  std::unique_ptr<Executor> pool = make_thread_pool(3);
  const auto task = [](void* sum, int index, int) {
    *static_cast<std::atomic<int>*>(sum) += index;
    return 0;
  };
  const auto works = [&] {
    std::atomic<int> sum{0};
    return pool->parallel_for(5, task, &sum) == 0 && sum == 10;
  };
  EXPECT_TRUE(works());
  for (const bool used : {false, true}) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      const bool ok = !used || works();
      pool.reset();
      ::_exit(ok ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_TRUE(works());
}

}  // namespace
}  // namespace sepconv::test
