#pragma once
// Which core a thread runs on. A thread that moves finds cold caches, so a single timed thread stays where it is.

namespace sepconv::runner {

/// The core that the calling thread runs on; -1 where the system does not say.
int current_core();

/// Keeps the calling thread, and those that it starts afterwards, on one core. False where the system refuses.
bool pin_to_core(int core);

}  // namespace sepconv::runner
