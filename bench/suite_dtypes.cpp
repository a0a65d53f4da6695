#include <bench_dtypes.h>  // generated from suites/dtypes.json

#include "bench/suite.h"

namespace sepconv::bench {

const KernelTable& suite_kernels() { return bench_dtypes::kernels(); }

}  // namespace sepconv::bench
