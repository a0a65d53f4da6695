#include <bench_tiny.h>  // generated from suites/layers.json

#include "bench/suite.h"

namespace sepconv::bench {

const KernelTable& suite_kernels() { return bench_tiny::kernels(); }

}  // namespace sepconv::bench
