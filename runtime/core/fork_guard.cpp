#include "fork_guard.h"

#include <pthread.h>

#include <algorithm>
#include <shared_mutex>
#include <vector>

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

/// Guarded by the gate and, between its holders, by a mutex.
struct Listeners {
  std::mutex mutex;
  std::vector<ForkListener*> list;
};

Listeners& listeners() {
  static Listeners* const instance = new Listeners;
  return *instance;
}

void before_fork() {
  gate().close();
  for (ForkListener* listener : listeners().list) listener->before_fork();
}

void after_fork_in_parent() {
  for (ForkListener* listener : listeners().list) listener->after_fork_in_parent();
  gate().open();
}

/// A child has one thread. The old gate is left closed, for it may record waiting threads that are not there.
void after_fork_in_child() {
  for (ForkListener* listener : listeners().list) listener->after_fork_in_child();
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
  const ForkSafeLock lock(listeners().mutex);
  listeners().list.push_back(&listener);
}

void remove_fork_listener(ForkListener& listener) {
  const ForkSafeLock lock(listeners().mutex);
  auto& list = listeners().list;
  list.erase(std::remove(list.begin(), list.end(), &listener), list.end());
}

}  // namespace sepconv::detail
