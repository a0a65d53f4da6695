#pragma once
// Where parallel tasks run: the process pool, the calling thread, or an app's own threads.

#include <memory>

namespace sepconv {

/// Runs the tasks of one kernel call. Derive from it to use your own threads.
class Executor {
 public:
  /// `worker` selects the task's scratch memory.
  using Task = int (*)(void* data, int index, int worker);

  virtual ~Executor() = default;

  /// The largest number of tasks of one parallel_for that may run at the same time. At least 1 and constant for the
  /// executor's life: it determines the scratch in the workspace.
  virtual int concurrency() const noexcept = 0;

  /// Runs task(data, index, worker) once for each 0 <= index < count, in any order, and returns when all are done.
  /// 0 <= worker < concurrency(), and tasks of this call that run at the same time have different workers.
  /// May be called from several threads at once, and from within a task. After a task returns non-zero, the remaining
  /// tasks may be skipped. Returns 0, or the result of a task that failed.
  virtual int parallel_for(int count, Task task, void* data) noexcept = 0;
};

/// A pool shared by the whole process, created at first use. Its number of threads is the environment variable
/// SEPCONV_THREADS (1 to 1024), or else the number that the hardware runs at a time. A call from within one of its
/// tasks runs inline. In a child of fork(), new threads are started when they are needed.
/// @throws std::invalid_argument naming SEPCONV_THREADS and its value, if the value is not such a number.
Executor& process_pool();

/// A new pool that runs up to `threads` (1 to 1024) tasks of a call at a time, one of them on the calling thread. It
/// must outlive the calls that use it; its threads end with it. A call from within a task of any pool runs inline.
/// Works in a child of fork() like process_pool().
/// @throws std::invalid_argument naming the number, if it is out of range.
std::unique_ptr<Executor> make_thread_pool(int threads);

/// Runs every task on the calling thread, in order.
Executor& single_thread() noexcept;

}  // namespace sepconv
