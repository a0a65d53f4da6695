#pragma once
// What this machine could do at most: the multiply-add rate that results are measured against.

#include <cstddef>
#include <string>

#include "sepconv/detail/data_type.h"

namespace sepconv::runner {

struct FmaPeak {
  std::string isa;           // "avx512f", "avx512bf16", "avx2+fma", or "portable" where no intrinsics were compiled in
  double gflops_best = 0;    // the best burst: the peak
  double gflops_median = 0;  // the middle burst: how disturbed the machine was
};

/// One way to keep the multiply-add units busy.
struct FmaBurner {
  const char* isa;           // as in FmaPeak
  void (*burn)(long steps);  // returns when done; needs no memory, so threads and caches are not in its way
  double flops_per_step;
};

/// With the widest instructions that this CPU runs for kernels of the type, as measure_fma_peak.
FmaBurner widest_fma_burner(DataType dtype = DataType::float32);

/// Measures for about 0.1 s on the calling thread, with the widest instructions that this CPU runs for kernels of the
/// type: float16 is computed in float32, bfloat16 too unless the CPU has the dot products of AVX512-BF16. 2 operations
/// per multiply-add. "portable" is a plain loop: a lower bound, not a peak.
FmaPeak measure_fma_peak(DataType dtype = DataType::float32);

/// GB/s (10^9 bytes, read and written ones counted) of copies whose source and target are `bytes` together, on the
/// calling thread; the best of several. Small sets lie in a cache, as they do for a kernel.
double measure_copy_gbs(std::size_t bytes);

}  // namespace sepconv::runner
