#pragma once
// The kernels that were linked into this program. Each suite_*.cpp is one answer.

#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::bench {

const KernelTable& suite_kernels();

}  // namespace sepconv::bench
