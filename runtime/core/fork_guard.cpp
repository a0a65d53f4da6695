#include "runtime/core/fork_guard.h"

#include <pthread.h>

#include <mutex>
#include <shared_mutex>

namespace sepconv::detail {
namespace {

struct Gate {
  /// A thread passes through it to `holders`: a fork() that waits keeps it, so that no new holders overtake it for
  /// ever.
  std::mutex entrance;
  std::shared_mutex holders;  // shared by the threads that hold locks; fork() takes it alone

  void close() {
    entrance.lock();
    holders.lock();
  }
  void open() {
    holders.unlock();
    entrance.unlock();
  }
};

/// Never destroyed: layers may be used until the process ends.
Gate*& gate_pointer() {
  static Gate* instance = new Gate;
  return instance;
}

Gate& gate() { return *gate_pointer(); }

// Guarded by the gate and, between its holders, by a mutex.
std::mutex listeners_mutex;
ForkListener* first_listener = nullptr;

void before_fork() {
  gate().close();
  for (ForkListener* l = first_listener; l != nullptr; l = l->next_listener) l->before_fork();
}

void after_fork_in_parent() {
  for (ForkListener* l = first_listener; l != nullptr; l = l->next_listener) l->after_fork_in_parent();
  gate().open();
}

/// A child has one thread. The old gate is left closed, for it may record waiting threads that are not there.
void after_fork_in_child() {
  for (ForkListener* l = first_listener; l != nullptr; l = l->next_listener) l->after_fork_in_child();
  gate_pointer() = new Gate;
}

/// Set before main(), while there is one thread.
[[maybe_unused]] const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

thread_local int depth = 0;  // a second shared lock of one thread could wait for a fork() that waits for the first

}  // namespace

ForkGuard::ForkGuard() {
  if (depth++ != 0) return;
  const std::lock_guard lock(gate().entrance);
  gate().holders.lock_shared();
}

ForkGuard::~ForkGuard() {
  if (--depth == 0) gate().holders.unlock_shared();
}

void add_fork_listener(ForkListener& listener) {
  const ForkSafeLock lock(listeners_mutex);
  listener.next_listener = first_listener;
  first_listener = &listener;
}

void remove_fork_listener(ForkListener& listener) {
  const ForkSafeLock lock(listeners_mutex);
  ForkListener** link = &first_listener;
  while (*link != &listener) link = &(*link)->next_listener;
  *link = listener.next_listener;
}

}  // namespace sepconv::detail
