#include "runtime/core/kernel_context.h"

#include <cstdlib>

namespace sepconv::detail {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + kGuardBytes - 1) / kGuardBytes * kGuardBytes; }

/// From the heap with guards on both sides; the pointer that free() wants lies in the front guard.
void* allocate_guarded(std::size_t bytes) noexcept {
  auto* base = static_cast<std::byte*>(std::aligned_alloc(kGuardBytes, 2 * kGuardBytes + round_up(bytes)));
  // A kernel cannot be told that it has no memory; a defined stop is better than writes through a null pointer. Only a
  // kernel that understates its scratch can come here.
  if (base == nullptr) std::abort();
  return base + kGuardBytes;
}

void release_guarded(void* pointer) noexcept { std::free(static_cast<std::byte*>(pointer) - kGuardBytes); }

TaskContext& task_context(KernelContext* context) { return *reinterpret_cast<TaskContext*>(context); }

int run_nested_loop(KernelContext* context, KernelTask task, int min, int count, std::uint8_t* closure) {
  const TaskContext& outer = task_context(context);
  if (outer.call != nullptr && count > 1 && outer.arena.empty())
    return outer.call->run_on_executor(task, min, count, closure);
  for (int i = 0; i < count; ++i)
    if (const int result = task(context, min + i, closure)) return result;
  return 0;
}

void* allocate_in_task(KernelContext* context, std::size_t bytes) {
  return task_context(context).arena.allocate(bytes);
}

void release_in_task(KernelContext* context, void* pointer) { task_context(context).arena.release(pointer); }

}  // namespace

void* Arena::allocate(std::size_t bytes) noexcept {
  if (block_count_ < kMaxAllocations) {
    const std::size_t begin = top_ + kGuardBytes;
    const std::size_t end = begin + round_up(bytes);
    if (end >= begin && end + kGuardBytes <= bytes_) {
      std::byte* data = memory_ + begin;
      blocks_[block_count_++] = {data, top_, true};
      top_ = end;
      return data;
    }
  }
  return allocate_guarded(bytes);
}

void Arena::release(void* pointer) noexcept {
  if (pointer == nullptr) return;
  // Kernels free in about the reverse order, so the search is short.
  for (std::size_t i = block_count_; i-- > 0;) {
    if (blocks_[i].data != pointer) continue;
    blocks_[i].used = false;
    while (block_count_ > 0 && !blocks_[block_count_ - 1].used) top_ = blocks_[--block_count_].begin;
    return;
  }
  release_guarded(pointer);
}

TaskContext CallContext::context_of(int worker, CallContext* call) const noexcept {
  std::byte* scratch =
      memory_.worker_bytes == 0 ? nullptr : memory_.memory + memory_.call_bytes + worker * memory_.worker_bytes;
  return {{run_nested_loop, allocate_in_task, release_in_task}, Arena(scratch, memory_.worker_bytes), call};
}

struct CallContext::Loop {
  CallContext& call;
  KernelTask task;
  int min;
  std::uint8_t* closure;
  int workers;

  static int run_task(void* data, int index, int worker) {
    const Loop& loop = *static_cast<const Loop*>(data);
    if (worker < 0 || worker >= loop.workers) return kBadWorker;
    TaskContext context = loop.call.context_of(worker, nullptr);
    return loop.task(&context.services, loop.min + index, loop.closure);
  }
};

CallContext::CallContext(Executor& executor, const CallMemory& memory) noexcept
    : services_{parallel_for, allocate, release},
      arena_(memory.memory, memory.call_bytes),
      executor_(&executor),
      memory_(memory) {
  static_assert(std::is_standard_layout_v<CallContext>);
}

int CallContext::parallel_for(KernelContext* context, KernelTask task, int min, int count, std::uint8_t* closure) {
  auto& call = *reinterpret_cast<CallContext*>(context);
  if (count != 1) return call.run_on_executor(task, min, count, closure);
  TaskContext only = call.context_of(0, &call);
  return task(&only.services, min, closure);
}

int CallContext::run_on_executor(KernelTask task, int min, int count, std::uint8_t* closure) {
  if (count <= 0) return 0;
  Loop loop{*this, task, min, closure, executor_->concurrency()};
  return executor_->parallel_for(count, Loop::run_task, &loop);
}

void* CallContext::allocate(KernelContext* context, std::size_t bytes) {
  return reinterpret_cast<CallContext*>(context)->arena_.allocate(bytes);
}

void CallContext::release(KernelContext* context, void* pointer) {
  reinterpret_cast<CallContext*>(context)->arena_.release(pointer);
}

}  // namespace sepconv::detail
