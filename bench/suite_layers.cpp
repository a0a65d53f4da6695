#include <bench_layers.h>  // generated from suites/layers.json

#include "bench/suite.h"

namespace bench {

const sepconv::KernelTable& suite_kernels() { return bench_layers::kernels(); }

}  // namespace bench
