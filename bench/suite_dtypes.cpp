#include <bench_dtypes.h>  // generated from suites/dtypes.json

#include "bench/suite.h"

namespace bench {

const sepconv::KernelTable& suite_kernels() { return bench_dtypes::kernels(); }

}  // namespace bench
