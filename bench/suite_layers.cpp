#include <bench_layers.h>  // generated from suites/layers.json

#include "bench/suite.h"

namespace sepconv::bench {

const KernelTable& suite_kernels() { return bench_layers::kernels(); }

}  // namespace sepconv::bench
