#pragma once
// The services for one kernel call: scratch memory cut from the workspace, and the executor's threads.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "sepconv/detail/kernel_abi.h"
#include "sepconv/executor.h"

namespace sepconv::detail {

/// Readable bytes before and after every allocation, and its alignment.
inline constexpr std::size_t kGuardBytes = 64;
/// Largest number of simultaneous allocations of one call or one task.
inline constexpr std::size_t kMaxAllocations = 8;
/// What an allocation takes beyond the bytes that the kernel counts: a guard, rounding up to the alignment, and the
/// vectors that the compiler adds at its end.
inline constexpr std::size_t kAllocationSlack = 256;

/// Size of an arena that serves allocations of `scratch_bytes` in total; 0 for 0, a multiple of the alignment.
constexpr std::size_t arena_bytes(std::uint64_t scratch_bytes) {
  if (scratch_bytes == 0) return 0;
  const std::size_t bytes = scratch_bytes + kMaxAllocations * kAllocationSlack + kGuardBytes;
  return (bytes + kGuardBytes - 1) / kGuardBytes * kGuardBytes;
}

/// Serves allocations from a block of memory. Space is reusable once nothing above it is in use. If a kernel
/// understates its scratch, allocations beyond the block or the slots come from the heap.
class Arena {
 public:
  Arena(std::byte* memory, std::size_t bytes) noexcept : memory_(memory), bytes_(bytes) {}
  void* allocate(std::size_t bytes) noexcept;
  void release(void* pointer) noexcept;
  /// True when nothing is allocated.
  bool empty() const noexcept { return block_count_ == 0; }

 private:
  struct Block {
    std::byte* data;
    std::size_t begin;  // offset in memory_ where the space it took begins
    bool used;
  };
  std::byte* memory_;
  std::size_t bytes_;
  std::size_t top_ = 0;
  std::size_t block_count_ = 0;
  Block blocks_[kMaxAllocations];
};

/// The workspace of one call, cut: the call's arena, then one for each worker of the executor.
struct CallMemory {
  std::byte* memory;         // 64-byte aligned; may be null if no arena has bytes
  std::size_t call_bytes;    // arena_bytes of the kernel's call scratch
  std::size_t worker_bytes;  // arena_bytes of the kernel's task scratch
};

class CallContext;

/// The KernelContext of one task: the arena of the worker that runs it. Nested loops run in place, except in the only
/// task of a loop (one image, say), whose nested loop may still run on the executor.
struct TaskContext {
  KernelContext services;  // first: the callbacks find the object by its address
  Arena arena;
  CallContext* call;  // of the only task of a loop; else null
};

static_assert(std::is_standard_layout_v<TaskContext>);

/// The KernelContext of a call. Tasks get their own contexts, on their stacks.
class CallContext {
 public:
  CallContext(Executor& executor, const CallMemory& memory) noexcept;
  CallContext(const CallContext&) = delete;
  CallContext& operator=(const CallContext&) = delete;
  KernelContext* services() noexcept { return &services_; }
  int run_on_executor(KernelTask task, int min, int count, std::uint8_t* closure);

  /// What parallel_for returns when an executor hands out a worker outside its concurrency.
  static constexpr int kBadWorker = -1000;

 private:
  struct Loop;
  /// @param call  this, for the only task of a loop; null for the others.
  TaskContext context_of(int worker, CallContext* call) const noexcept;
  static int parallel_for(KernelContext*, KernelTask, int min, int count, std::uint8_t* closure);
  static void* allocate(KernelContext*, std::size_t bytes);
  static void release(KernelContext*, void* pointer);

  KernelContext services_;  // first: the callbacks find the object by its address
  Arena arena_;
  Executor* executor_;
  CallMemory memory_;
};

}  // namespace sepconv::detail
