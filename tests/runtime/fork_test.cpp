// Layers in a child of fork(), while other threads of the parent run layers.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "fake_kernels.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/layers.h"

namespace sepconv::test {
namespace {

bool run_once(const SeparableConv1D& layer, int length) {
  std::vector<float> input(static_cast<std::size_t>(length) * 5, 1.0f), output(static_cast<std::size_t>(length) * 2);
  return layer
      .run({}, dense_view(static_cast<const float*>(input.data()), {1, length, 5}),
           dense_view(output.data(), {1, length, 2}))
      .ok();
}

TEST(Fork, TheChildRunsLayers) {
  ::setenv("SEPCONV_THREADS", "4", 0);
  SeparableConv1D layer({.filters = 2, .kernel_size = 3, .padding = "same"});
  layer.build({kDynamic, 5});
  register_fake_row(with_dynamic_extents(layer.layer_for({9, 5}).problem()), {.symbol = "forked"});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      // New sizes too: they take the locks of layers, registry and weights.
      for (int length = 1; !stop; ++length) run_once(layer, 1 + (3 * length + t) % 3000);
    });
  int failed = 0;
  for (int i = 0; i < 50; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);  // ends a child that hangs
      bool ok = true;
      for (int length = 3000; length < 3005; ++length) ok = run_once(layer, length) && ok;
      ::_exit(ok && process_pool().concurrency() >= 1 ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    failed += status != 0;
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(run_once(layer, 17));
}

}  // namespace
}  // namespace sepconv::test
