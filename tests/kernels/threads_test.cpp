// The same bits whatever the number of threads and however a batch is split; calls at the same time do not disturb
// each other.

#include <gtest/gtest.h>
#include <test_layers.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "runner/layer_run.h"
#include "runner/seeded.h"
#include "sepconv/kernel_registry.h"
#include "tests/kernels/kernel_check.h"

namespace sepconv::test {

using namespace runner;

namespace {

/// Starts its threads for each loop, so that every run may share the tasks out otherwise.
class FreshThreads : public Executor {
 public:
  explicit FreshThreads(int threads) : threads_(threads) {}
  int concurrency() const noexcept override { return threads_; }
  int parallel_for(int count, Task task, void* data) noexcept override {
    std::atomic<int> next{0}, result{0};
    const auto work = [&](int worker) {
      for (int i = next++; i < count; i = next++)
        if (const int failed = task(data, i, worker)) result = failed;
    };
    std::vector<std::thread> others;
    for (int worker = 1; worker < threads_; ++worker) others.emplace_back(work, worker);
    work(0);
    for (std::thread& other : others) other.join();
    largest_count = std::max(largest_count.load(), count);
    return result;
  }
  std::atomic<int> largest_count{0};

 private:
  int threads_;
};

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

class ThreadsTest : public testing::Test {
 protected:
  static constexpr std::int64_t kBatch = 6;
  ThreadsTest() { use_kernels(test_layers::kernels()); }

  /// Every static kernel that runs here.
  template <class F>
  static void for_each_layer(F&& check) {
    const KernelTable& table = test_layers::kernels();
    for (std::size_t i = 0; i < table.kernel_count; ++i) {
      const CompiledKernel& kernel = table.kernels[i];
      const ConvProblem problem = problem_from_text(kernel.problem);
      if (cannot_run_here(kernel) || problem.is_dynamic()) continue;
      const SeededCase data = real_values(problem, kBatch, 5);
      ConvLayer layer(kernel.symbol, problem, data.weights);
      layer.force_kernel(kernel.symbol);
      check(layer, data.input);
    }
  }

  static std::vector<double> run(const ConvLayer& layer, Executor& executor, std::span<const double> input,
                                 std::int64_t batch) {
    GuardedRun result =
        run_guarded(layer, executor, input, input_shape(layer.problem(), batch), output_shape(layer.problem(), batch));
    EXPECT_EQ(result.fault, "") << layer.name();
    return std::move(result.output);
  }
};

TEST_F(ThreadsTest, GivesTheSameBitsForAnyNumberOfThreads) {
  int parallel_layers = 0;
  for_each_layer([&](const ConvLayer& layer, const std::vector<double>& input) {
    const std::vector<double> expected = run(layer, single_thread(), input, kBatch);
    for (const int threads : {2, 3, 5}) {
      FreshThreads executor(threads);
      EXPECT_TRUE(same_bits(run(layer, executor, input, kBatch), expected)) << layer.name() << ", " << threads;
      parallel_layers += executor.largest_count > 1;
    }
  });
  EXPECT_GT(parallel_layers, 30) << "the executor had nothing to share out";
}

TEST_F(ThreadsTest, GivesTheSameBitsForAnySplitOfTheBatch) {
  for_each_layer([&](const ConvLayer& layer, const std::vector<double>& input) {
    const std::vector<double> expected = run(layer, single_thread(), input, kBatch);
    const std::size_t image = input.size() / kBatch;
    for (const std::int64_t first : {1, 2, 5}) {
      const auto middle = static_cast<std::size_t>(first) * image;
      std::vector<double> joined = run(layer, single_thread(), std::span(input).first(middle), first);
      const auto rest = run(layer, single_thread(), std::span(input).subspan(middle), kBatch - first);
      joined.insert(joined.end(), rest.begin(), rest.end());
      EXPECT_TRUE(same_bits(joined, expected)) << layer.name() << ", " << first << " images first";
    }
  });
}

TEST_F(ThreadsTest, CallsAtTheSameTimeDoNotDisturbEachOther) {
  for_each_layer([&](const ConvLayer& layer, const std::vector<double>& input) {
    const std::vector<double> expected = run(layer, single_thread(), input, kBatch);
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (int caller = 0; caller < 4; ++caller)
      callers.emplace_back([&, caller] {
        for (int i = 0; i < 3; ++i) {
          Executor& executor = caller % 2 == 0 ? process_pool() : single_thread();
          wrong += !same_bits(run(layer, executor, input, kBatch), expected);
        }
      });
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0) << layer.name();
  });
}

TEST(SameBitsTest, TellsBitsApart) {
  EXPECT_TRUE(same_bits({1, 2}, {1, 2}));
  EXPECT_FALSE(same_bits({1, 2}, {1, 3}));
  EXPECT_FALSE(same_bits({0.0}, {-0.0}));
  EXPECT_FALSE(same_bits({1}, {1, 2}));
}

}  // namespace
}  // namespace sepconv::test
