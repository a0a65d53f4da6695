#include "sepconv/kernel_row.h"
#include "target.h"

namespace sepconv {

std::vector<Target> gpu_targets() { return {}; }

}  // namespace sepconv
