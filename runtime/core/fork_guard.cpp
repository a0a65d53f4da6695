#include "fork_guard.h"

#include <pthread.h>

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

/// In a child, which has one thread: the old gate is left closed, for it may record waiting threads that are not there.
void renew_gate() { gate_pointer() = new Gate; }

/// Set before main(), while there is one thread.
[[maybe_unused]] const int registered = pthread_atfork([] { gate().close(); }, [] { gate().open(); }, renew_gate);

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

}  // namespace sepconv::detail
