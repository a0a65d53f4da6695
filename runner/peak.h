#pragma once
// What this machine could do at most: the float32 multiply-add rate that results are measured against.

#include <string>

namespace sepconv {

struct FmaPeak {
  std::string isa;           // "avx512f", "avx2+fma", or "portable" where no intrinsics were compiled in
  double gflops_best = 0;    // the best burst: the peak
  double gflops_median = 0;  // the middle burst: how disturbed the machine was
};

/// Measures for about 0.1 s on the calling thread, with the widest instructions that this CPU runs. 2 operations per
/// multiply-add. "portable" is a plain loop: a lower bound, not a peak.
FmaPeak measure_fma_peak();

}  // namespace sepconv
