#pragma once
// Ctrl-C and termination become a flag that long work watches, so that it can end its children and remove its files.

#include <atomic>

namespace sepconv::tools {

/// While it lives, SIGINT, SIGTERM and SIGHUP set the flag instead of ending the program.
class InterruptFlag {
 public:
  InterruptFlag();
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;

  const std::atomic<bool>& flag() const;
};

/// Ends the program by the signal that set the flag, as a shell expects it. Returns when none did.
void end_by_received_signal();

}  // namespace sepconv::tools
