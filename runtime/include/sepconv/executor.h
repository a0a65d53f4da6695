#pragma once
// Where parallel tasks run: the process pool, the calling thread, or an app's own threads.

#include <memory>

namespace sepconv {

/// Runs the tasks of one kernel call. Apps derive from it to bring their own threads.
class Executor {
 public:
  /// `worker` tells the task which scratch memory is its own.
  using Task = int (*)(void* data, int index, int worker);

  virtual ~Executor() = default;

  /// The most tasks of one parallel_for that may run at a time; at least 1 and constant for the executor's life: the
  /// workspace holds scratch for so many.
  virtual int concurrency() const noexcept = 0;

  /// Runs task(data, index, worker) once for each 0 <= index < count, in any order, and returns when all are done.
  /// 0 <= worker < concurrency(), and no two tasks of this call that run at the same time have the same worker.
  /// May be called from several threads at once, and from within a task. After a task has returned non-zero the
  /// remaining ones may be skipped. Returns 0, or the result of a task that failed.
  virtual int parallel_for(int count, Task task, void* data) noexcept = 0;
};

/// Threads shared by the whole process, made at the first use: as many as the hardware runs at a time, or as the
/// environment variable SEPCONV_THREADS says (1 to 1024). A call from within one of its tasks runs inline.
/// In a child of fork(), new threads are started when they are needed.
/// @throws std::invalid_argument naming SEPCONV_THREADS and its value, where that is no such number.
Executor& process_pool();

/// A pool of the app's own: `threads` (1 to 1024) tasks of a call run at a time, one of them on the calling thread. It
/// must outlive the calls that use it; its threads end with it. A call from within a task of any pool runs inline.
/// Works in a child of fork() as process_pool() does.
/// @throws std::invalid_argument naming another number.
std::unique_ptr<Executor> make_thread_pool(int threads);

/// Runs every task on the calling thread, in order.
Executor& single_thread() noexcept;

}  // namespace sepconv
