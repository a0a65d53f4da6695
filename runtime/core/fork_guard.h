#pragma once
// Locks that are free in a child after fork().

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

/// A lock of a mutex, and a ForkGuard for as long.
class ForkSafeLock {
 public:
  explicit ForkSafeLock(std::mutex& mutex) : lock_(mutex) {}

 private:
  ForkGuard guard_;  // first: taken before the mutex, given back after it
  std::lock_guard<std::mutex> lock_;
};

}  // namespace sepconv::detail
