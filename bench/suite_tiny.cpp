#include <bench_tiny.h>  // generated from suites/layers.json

#include "bench/suite.h"

namespace bench {

const sepconv::KernelTable& suite_kernels() { return bench_tiny::kernels(); }

}  // namespace bench
