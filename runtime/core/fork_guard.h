#pragma once
// Locks that are free in a child after fork(), and listeners for fork().

#include <mutex>

namespace sepconv::detail {

/// Held by a thread while it holds any of the library's locks: fork() waits until no thread holds one. A child has only
/// the thread that called fork(), so a lock that another thread held would never be released there. May be nested.
class ForkGuard {
 public:
  ForkGuard();
  ~ForkGuard();
  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;
};

/// Locks a mutex and holds a ForkGuard for the same time.
class ForkSafeLock {
 public:
  explicit ForkSafeLock(std::mutex& mutex) : lock_(mutex) {}

 private:
  ForkGuard guard_;  // first: acquired before the mutex, released after it
  std::lock_guard<std::mutex> lock_;
};

/// Notified of each fork(), while no thread holds a ForkGuard.
class ForkListener {
 public:
  virtual void before_fork() noexcept = 0;
  virtual void after_fork_in_parent() noexcept = 0;
  virtual void after_fork_in_child() noexcept = 0;

  ForkListener* next_listener = nullptr;  // of the list that fork_guard.cpp keeps

 protected:
  ~ForkListener() = default;
};

/// To be called by the listener's constructor, at its end, and by its destructor, at its beginning.
void add_fork_listener(ForkListener& listener);
void remove_fork_listener(ForkListener& listener);

}  // namespace sepconv::detail
