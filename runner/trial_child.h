#pragma once
// Code that may crash, hang or eat the memory, in a forked child process that is watched.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

namespace sepconv::runner {

/// Where the child says what it is doing, in memory that both see.
class Progress {
 public:
  /// `item` is about to be called; a sign of life.
  void enter(int item) {
    item_.store(item, std::memory_order_relaxed);
    beats_.fetch_add(1, std::memory_order_release);
  }
  int item() const { return item_.load(std::memory_order_relaxed); }
  std::uint64_t beats() const { return beats_.load(std::memory_order_acquire); }

 private:
  std::atomic<int> item_{0};
  std::atomic<std::uint64_t> beats_{0};
};

struct ChildLimits {
  double seconds = 10;             // without a sign of life
  std::uint64_t memory_bytes = 0;  // in use; 0 = no limit
};

struct ChildResult {
  enum class End { done, crashed, timed_out, out_of_memory };
  End end = End::done;
  std::string text;     // done: what the function returned
  std::string message;  // else: what happened
  int item = 0;         // what it was doing
};

/// Runs the function in a forked child and waits for its text. What it throws counts as a crash, with its message; so
/// does ending the process. What it prints goes to stderr.
/// @throws std::runtime_error when no child can be made.
ChildResult run_in_child(const ChildLimits& limits, const std::function<std::string(Progress&)>& function);

}  // namespace sepconv::runner
