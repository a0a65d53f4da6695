#include "runner/pinning.h"

#ifdef __linux__
#include <sched.h>
#endif

namespace sepconv::runner {

#ifdef __linux__
int current_core() { return ::sched_getcpu(); }

bool pin_to_core(int core) {
  if (core < 0 || core >= CPU_SETSIZE) return false;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(core), &one);
  return ::sched_setaffinity(0, sizeof one, &one) == 0;
}
#else
int current_core() { return -1; }
bool pin_to_core(int) { return false; }
#endif

}  // namespace sepconv::runner
