#include "sepconv/executor.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime/core/environment.h"
#include "runtime/core/fork_guard.h"

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
class ThreadPool final : public Executor, private detail::ForkListener {
 public:
  explicit ThreadPool(int concurrency) {
    start_threads(concurrency - 1);
    concurrency_ = static_cast<int>(threads_.size()) + 1;
    detail::add_fork_listener(*this);
  }
  ~ThreadPool() override {
    detail::remove_fork_listener(*this);
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    if (threads_lost_) abandon_threads();
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int concurrency() const noexcept override { return concurrency_; }

  int parallel_for(int count, Task task, void* data) noexcept override {
    if (count <= 1 || concurrency_ == 1 || inside_pool_task) return run_inline(count, task, data);
    Call call{task, data, count};
    {
      const std::lock_guard lock(mutex_);
      if (threads_lost_) restart_threads();
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
  // Around a fork(). A child has none of the threads; the first call there that needs them starts new ones.
  void before_fork() noexcept override { mutex_.lock(); }
  void after_fork_in_parent() noexcept override { mutex_.unlock(); }
  void after_fork_in_child() noexcept override {
    // Made anew rather than unlocked or destroyed: they may record waiting threads that are not there.
    new (&mutex_) std::mutex;
    new (&work_) std::condition_variable;
    new (&done_) std::condition_variable;
    open_calls_.store(0, std::memory_order_relaxed);
    first_ = nullptr;
    threads_lost_ = true;
  }

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

  void start_threads(int count) {
    threads_.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      try {
        threads_.emplace_back([this] { serve(); });
      } catch (const std::system_error&) {
        break;  // fewer threads than asked for still do the work
      }
    }
  }

  /// In a child of fork(): the threads behind these objects are gone and can be neither joined nor detached.
  void abandon_threads() {
    new std::vector<std::thread>(std::move(threads_));  // kept for ever
    threads_.clear();
  }

  /// In a child of fork(), under mutex_.
  void restart_threads() noexcept {
    threads_lost_ = false;
    try {
      abandon_threads();
      start_threads(concurrency_ - 1);
    } catch (const std::bad_alloc&) {
      // The caller does the work alone.
    }
  }

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
    while (*link != nullptr && *link != &call) link = &(*link)->next_call;
    if (*link == nullptr) return;  // a task forked, and this is the child, whose list was cleared
    *link = call.next_call;
    open_calls_.store(open_calls_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }

  void serve() noexcept {
    for (;;) {
      for (int spin = 0; spin < kSpins && open_calls_.load(std::memory_order_acquire) == 0; ++spin) pause_cpu();
      Call* call = nullptr;
      int worker = 0;
      {
        std::unique_lock lock(mutex_);
        work_.wait(lock, [&] { return first_ != nullptr || stopping_; });
        if (stopping_) return;
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
  Call* first_ = nullptr;      // guarded by mutex_
  bool threads_lost_ = false;  // guarded by mutex_
  bool stopping_ = false;      // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<Executor> make_thread_pool(int threads) {
  if (threads < 1 || threads > detail::kMostThreads)
    throw std::invalid_argument("make_thread_pool: received " + std::to_string(threads) +
                                " threads; expected a number from 1 to " + std::to_string(detail::kMostThreads));
  if (threads == 1) return std::make_unique<SingleThread>();
  return std::make_unique<ThreadPool>(threads);
}

Executor& process_pool() {
  static std::atomic<ThreadPool*> pool{nullptr};
  if (ThreadPool* const ready = pool.load(std::memory_order_acquire)) return *ready;
  static std::mutex mutex;
  const detail::ForkSafeLock lock(mutex);
  if (ThreadPool* const ready = pool.load(std::memory_order_acquire)) return *ready;
  // Never destroyed: at exit other threads, or destructors of static objects, may still run layers.
  auto* const made = new ThreadPool(detail::environment_threads());
  pool.store(made, std::memory_order_release);
  return *made;
}

Executor& single_thread() noexcept {
  static SingleThread executor;
  return executor;
}

}  // namespace sepconv
