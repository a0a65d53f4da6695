#include "sepconv/executor.h"

#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace sepconv {
namespace {

int run_inline(int count, Executor::Task task, void* data) noexcept {
  for (int index = 0; index < count; ++index)
    if (const int result = task(data, index, 0)) return result;
  return 0;
}

class SingleThread final : public Executor {
 public:
  int concurrency() const noexcept override { return 1; }
  int parallel_for(int count, Task task, void* data) noexcept override { return run_inline(count, task, data); }
};

/// Tasks that run inside a pool thread, or inside a caller that takes part, must not wait for the pool again.
thread_local bool inside_pool_task = false;

inline void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

/// Waiting threads spin this often before they sleep: waking one costs more than a small layer takes.
constexpr int kSpins = 2000;

/// A list of the calls in progress, each of which lives on its caller's stack. Idle threads join the first one that has
/// tasks left; the callers work on their own.
class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(int concurrency) {
    threads_.reserve(concurrency);
    for (int i = 1; i < concurrency; ++i) {
      try {
        threads_.emplace_back([this] { serve(); });
      } catch (const std::system_error&) {
        break;  // fewer threads than asked for still do the work
      }
    }
    concurrency_ = static_cast<int>(threads_.size()) + 1;
  }
  int concurrency() const noexcept override { return concurrency_; }

  int parallel_for(int count, Task task, void* data) noexcept override {
    if (count <= 1 || concurrency_ == 1 || inside_pool_task) return run_inline(count, task, data);
    Call call{task, data, count};
    {
      const std::lock_guard lock(mutex_);
      call.next_call = first_;
      first_ = &call;
      open_calls_.store(open_calls_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    if (count == 2)
      work_.notify_one();
    else
      work_.notify_all();
    work_on(call, 0);
    close(call);
    for (int spin = 0; spin < kSpins && call.helpers.load(std::memory_order_acquire) != 0; ++spin) pause_cpu();
    // The lock also orders this after the last helper's use of `call`, which is about to go out of scope.
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return call.helpers.load(std::memory_order_acquire) == 0; });
    return call.result.load(std::memory_order_relaxed);
  }

 private:
  struct Call {
    Call(Task task_in, void* data_in, int count_in) : task(task_in), data(data_in), count(count_in) {}
    const Task task;
    void* const data;
    const int count;
    std::atomic<int> next_index{0};
    std::atomic<int> result{0};
    std::atomic<int> helpers{0};  // pool threads at work on it
    int joined = 1;               // workers handed out; the caller is worker 0; guarded by mutex_
    bool open = true;             // in the list; guarded by mutex_
    Call* next_call = nullptr;
  };

  static void work_on(Call& call, int worker) noexcept {
    inside_pool_task = true;
    while (call.result.load(std::memory_order_relaxed) == 0) {
      const int index = call.next_index.fetch_add(1, std::memory_order_relaxed);
      if (index >= call.count) break;
      if (const int result = call.task(call.data, index, worker)) {
        int none = 0;
        call.result.compare_exchange_strong(none, result, std::memory_order_relaxed);
      }
    }
    inside_pool_task = false;
  }

  /// Takes a call without tasks left out of the list, so that nobody joins it any more.
  void close(Call& call) noexcept {
    const std::lock_guard lock(mutex_);
    if (!call.open) return;
    call.open = false;
    Call** link = &first_;
    while (*link != &call) link = &(*link)->next_call;
    *link = call.next_call;
    open_calls_.store(open_calls_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }

  [[noreturn]] void serve() noexcept {
    for (;;) {
      for (int spin = 0; spin < kSpins && open_calls_.load(std::memory_order_acquire) == 0; ++spin) pause_cpu();
      Call* call = nullptr;
      int worker = 0;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return first_ != nullptr; });
        call = first_;
        // A thread leaves a call only when no tasks are left, and closes it: it joins each at most once, so that the
        // workers handed out stay below concurrency_.
        worker = call->joined++;
        call->helpers.fetch_add(1, std::memory_order_relaxed);
      }
      work_on(*call, worker);
      close(*call);
      const std::lock_guard lock(mutex_);
      if (call->helpers.fetch_sub(1, std::memory_order_release) == 1) done_.notify_all();
    }
  }

  int concurrency_ = 1;
  std::mutex mutex_;
  std::condition_variable work_, done_;
  std::atomic<int> open_calls_{0};
  Call* first_ = nullptr;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

int pool_threads_wanted() {
  constexpr int kMost = 1024;
  const char* text = std::getenv("SEPCONV_THREADS");
  if (text == nullptr || *text == '\0') {
    const unsigned hardware = std::thread::hardware_concurrency();
    return hardware == 0 ? 1 : static_cast<int>(hardware < kMost ? hardware : kMost);
  }
  int value = 0;
  const char* text_end = text + std::strlen(text);
  const auto [end, error] = std::from_chars(text, text_end, value);
  if (error != std::errc{} || end != text_end || value < 1 || value > kMost)
    throw std::invalid_argument("SEPCONV_THREADS: received '" + std::string(text) + "'; expected a number from 1 to " +
                                std::to_string(kMost));
  return value;
}

}  // namespace

Executor& process_pool() {
  // Never destroyed: at exit other threads, or destructors of static objects, may still run layers.
  static ThreadPool* const pool = new ThreadPool(pool_threads_wanted());
  return *pool;
}

Executor& single_thread() noexcept {
  static SingleThread executor;
  return executor;
}

}  // namespace sepconv
