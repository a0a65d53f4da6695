#include "tools/interrupt.h"

#include <csignal>

namespace sepconv::tools {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

std::atomic<bool> interrupted{false};
volatile std::sig_atomic_t received = 0;
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may only touch lock-free atomics");

void on_signal(int signal) {
  received = signal;
  interrupted.store(true);
}

}  // namespace

InterruptFlag::InterruptFlag() {
  for (int signal : kSignals)
    if (std::signal(signal, on_signal) == SIG_IGN) std::signal(signal, SIG_IGN);  // nohup asked for that
}

InterruptFlag::~InterruptFlag() {
  for (int signal : kSignals)
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
}

const std::atomic<bool>& InterruptFlag::flag() const { return interrupted; }

void end_by_received_signal() {
  if (received == 0) return;
  std::signal(received, SIG_DFL);
  std::raise(received);
}

}  // namespace sepconv::tools
