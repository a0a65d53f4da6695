// Executors, and layers that run on them from many threads.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/core/environment.h"
#include "runtime/core/kernel_context.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/stage_lists.h"

namespace sepconv::test {
namespace {

/// Counts the runs of each task, and checks that no worker runs two tasks at a time.
struct Record {
  explicit Record(int count, int concurrency) : runs(count), busy(concurrency) {}
  std::vector<std::atomic<int>> runs;
  std::vector<std::atomic<int>> busy;
  std::atomic<int> violations{0};

  static int task(void* data, int index, int worker) {
    auto& record = *static_cast<Record*>(data);
    if (worker < 0 || worker >= static_cast<int>(record.busy.size()) || record.busy[worker]++ != 0) {
      ++record.violations;
      return 1;
    }
    ++record.runs[index];
    std::this_thread::yield();
    --record.busy[worker];
    return 0;
  }
};

void expect_each_once(Executor& executor, int count) {
  Record record(count, executor.concurrency());
  EXPECT_EQ(executor.parallel_for(count, Record::task, &record), 0);
  EXPECT_EQ(record.violations, 0);
  for (const std::atomic<int>& runs : record.runs) EXPECT_EQ(runs, 1);
}

TEST(Executors, RunEachTaskOnce) {
  ASSERT_GE(process_pool().concurrency(), 1);
  EXPECT_EQ(single_thread().concurrency(), 1);
  for (const int count : {0, 1, 2, 7, 1000})
    for (Executor* executor : {&process_pool(), &single_thread()}) expect_each_once(*executor, count);
}

TEST(Executors, ConcurrentCallers) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([] {
      for (int round = 0; round < 100; ++round) expect_each_once(process_pool(), 1 + round % 9);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(Executors, ReturnAFailedTasksResult) {
  const auto fail_at_5 = [](void*, int index, int) { return index == 5 ? 42 : 0; };
  EXPECT_EQ(process_pool().parallel_for(1000, fail_at_5, nullptr), 42);
  EXPECT_EQ(single_thread().parallel_for(1000, fail_at_5, nullptr), 42);
}

TEST(Executors, NestedCallsRunInline) {
  std::atomic<int> inner{0};
  const auto outer_task = [](void* data, int, int) {
    return process_pool().parallel_for(
        10,
        [](void* counter, int, int worker) {
          ++*static_cast<std::atomic<int>*>(counter);
          return worker;  // inline: always worker 0
        },
        data);
  };
  EXPECT_EQ(process_pool().parallel_for(20, outer_task, &inner), 0);
  EXPECT_EQ(inner, 200);
}

TEST(Executors, APoolHasTheThreadsThatItIsGiven) {
  for (const int threads : {1, 2, 5}) {
    const std::unique_ptr<Executor> pool = make_thread_pool(threads);
    EXPECT_EQ(pool->concurrency(), threads);
    Record record(100, threads);
    EXPECT_EQ(pool->parallel_for(100, Record::task, &record), 0);
    EXPECT_EQ(record.violations, 0);
    for (const auto& runs : record.runs) EXPECT_EQ(runs, 1);
  }
  for (const int bad : {0, -2, 1025}) {
    try {
      make_thread_pool(bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(std::string(error.what()),
                "make_thread_pool: received " + std::to_string(bad) + " threads; expected a number from 1 to 1024");
    }
  }
}

TEST(Executors, PoolsEndWhileOthersWork) {
  Record record(2000, 3);
  const std::unique_ptr<Executor> stays = make_thread_pool(3);
  std::thread other([&] { EXPECT_EQ(stays->parallel_for(2000, Record::task, &record), 0); });
  for (int i = 0; i < 50; ++i) {
    Record brief(4, 2);
    EXPECT_EQ(make_thread_pool(2)->parallel_for(4, Record::task, &brief), 0);
    EXPECT_EQ(brief.violations, 0);
  }
  other.join();
  EXPECT_EQ(record.violations, 0);
}

TEST(Executors, TheNumberOfThreadsInTheEnvironment) {
  EXPECT_EQ(detail::threads_from_text("3"), 3);
  EXPECT_EQ(detail::threads_from_text("1024"), 1024);
  for (const char* bad : {"", "0", "-2", "two", "3x", "2000", "99999999999"}) {
    try {
      detail::threads_from_text(bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_EQ(error.what(), "SEPCONV_THREADS: received '" + std::string(bad) + "'; expected a number from 1 to 1024");
    }
  }
}

/// Runs where tests/runtime/CMakeLists.txt sets the variable.
TEST(WithSepconvThreads, TheProcessPoolHasThem) {
  if (std::getenv("SEPCONV_THREADS") == nullptr) GTEST_SKIP() << "SEPCONV_THREADS is not set";
  EXPECT_EQ(process_pool().concurrency(), 3);
}

/// An app's own executor: a thread a worker, made for each call.
class OwnThreads final : public Executor {
 public:
  explicit OwnThreads(int count) : count_(count) {}
  int concurrency() const noexcept override { return count_; }
  int parallel_for(int count, Task task, void* data) noexcept override {
    ++calls;
    std::atomic<int> next{0}, result{0};
    std::vector<std::thread> threads;
    for (int worker = 0; worker < count_; ++worker)
      threads.emplace_back([&, worker] {
        for (int index; (index = next++) < count;)
          if (const int failed = task(data, index, worker)) result = failed;
      });
    for (std::thread& thread : threads) thread.join();
    return result;
  }
  std::atomic<int> calls{0};

 private:
  int count_;
};

ConvProblem problem(int channels) {
  ConvProblem p = problem_of(separable_stages());
  p.IH = 9, p.IW = 7, p.IC = channels, p.stages.back().out_channels = 5, window(p).KH = window(p).KW = 3,
  p.stages[0].depth_multiplier = 2;
  window(p).pad_top = window(p).pad_bottom = window(p).pad_left = window(p).pad_right = 1;
  return p;
}

struct Fixture {
  explicit Fixture(int channels) : p(problem(channels)), layer("shared", p, integer_weights(p)) {
    register_fake_kernel(p, {.symbol = "executor_" + std::to_string(channels), .call_scratch_bytes = 1000});
  }
  /// Runs the layer on inputs of its own and compares.
  Status run(const RunContext& context, int seed, bool& equal) const {
    const std::vector<float> input = integer_values(2 * input_elements(p), seed);
    std::vector<float> output(2 * output_elements(p));
    const Status status = layer.run(context, dense_view(input.data(), {2, p.IH, p.IW, p.IC}),
                                    dense_view(output.data(), {2, p.OH(), p.OW(), p.OC()}));
    equal = output == naive_conv(p, layer.weights(), input, 2);
    return status;
  }
  ConvProblem p;
  ConvLayer layer;
};

TEST(LayerExecutors, AppsOwnThreads) {
  const Fixture fixture(3);
  OwnThreads executor(3);
  bool equal = false;
  const Status status = fixture.run({&executor}, 1, equal);
  EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(equal);
  EXPECT_EQ(executor.calls, 1);
}

TEST(LayerExecutors, BrokenExecutorsAreReported) {
  class Broken final : public Executor {
   public:
    Broken(int concurrency, int worker) : concurrency_(concurrency), worker_(worker) {}
    int concurrency() const noexcept override { return concurrency_; }
    int parallel_for(int count, Task task, void* data) noexcept override {
      for (int index = 0; index < count; ++index)
        if (const int result = task(data, index, worker_)) return result;
      return 0;
    }

   private:
    int concurrency_, worker_;
  };
  const Fixture fixture(4);
  bool equal = false;
  Broken none(0, 0), beyond(2, 2), negative(2, -1);
  for (Executor* executor :
       {static_cast<Executor*>(&none), static_cast<Executor*>(&beyond), static_cast<Executor*>(&negative)}) {
    const Status status = fixture.run({executor}, 1, equal);
    EXPECT_EQ(status.code(), StatusCode::kernel_failed);
    EXPECT_NE(std::string(status.message()).find("concurrency()"), std::string::npos) << status.message();
  }
}

TEST(LayerExecutors, OneLayerFromManyThreads) {
  const Fixture fixture(5);
  OwnThreads own(2);
  Executor* const executors[] = {&process_pool(), &single_thread(), &own};
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t)
    threads.emplace_back([&, t] {
      const RunContext asked{executors[t % 3]};
      std::vector<char> memory(fixture.layer.workspace_bytes(asked));
      const RunContext context{asked.executor, {memory.data(), memory.size()}};
      for (int round = 0; round < 15; ++round) {
        bool equal = false;
        if (!fixture.run(context, 100 * t + round, equal).ok() || !equal) ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(LayerExecutors, LayerWithinATaskOfThePool) {
  const Fixture fixture(6);
  const auto task = [](void* data, int index, int) {
    bool equal = false;
    return static_cast<const Fixture*>(data)->run({}, index, equal).ok() && equal ? 0 : 1;
  };
  EXPECT_EQ(process_pool().parallel_for(8, task, const_cast<Fixture*>(&fixture)), 0);
}

TEST(Arena, ServesWhatAKernelDeclares) {
  // Eight allocations whose sizes add up to the declared bytes, each with what a compiler may add at its end.
  const std::size_t sizes[] = {1, 64, 65, 100, 4096, 3, 127, 128};
  std::size_t declared = 0;
  for (const std::size_t size : sizes) declared += size;
  const std::size_t bytes = detail::arena_bytes(declared);
  alignas(64) static std::byte memory[16384];
  ASSERT_LE(bytes, sizeof memory);
  detail::Arena arena(memory, bytes);
  std::vector<std::byte*> blocks;
  for (const std::size_t size : sizes) {
    auto* block = static_cast<std::byte*>(arena.allocate(size + 128));
    ASSERT_GE(block, memory + 64);
    ASSERT_LE(block + size + 128 + 64, memory + bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 64, 0u);
    if (!blocks.empty()) {
      EXPECT_GE(block, blocks.back() + 64);
    }
    blocks.push_back(block);
  }
  // A ninth does not fit the slots: it comes from the heap, guarded as well.
  auto* extra = static_cast<char*>(arena.allocate(10));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(extra) % 64, 0u);
  extra[-64] = extra[73] = 1;
  arena.release(extra);
  // Released in any order, all of the space comes back.
  for (const int i : {3, 0, 7, 5, 1, 2, 6, 4}) arena.release(blocks[i]);
  EXPECT_EQ(arena.allocate(bytes - 128), memory + 64);
  arena.release(nullptr);
}

TEST(Arena, ReusesSpaceInLoops) {
  alignas(64) static std::byte memory[1024];
  detail::Arena arena(memory, sizeof memory);
  void* outer = arena.allocate(100);
  void* first = nullptr;
  for (int i = 0; i < 100; ++i) {
    void* a = arena.allocate(200);
    void* b = arena.allocate(200);
    if (i == 0) first = a;
    EXPECT_EQ(a, first);
    arena.release(a);
    arena.release(b);
  }
  arena.release(outer);
}

}  // namespace
}  // namespace sepconv::test
