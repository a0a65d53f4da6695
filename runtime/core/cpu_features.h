#pragma once
// The CPU features that this process may use.

#include <cstdint>
#include <string>

#include "sepconv/detail/compiled_kernel.h"

namespace sepconv {

/// CpuFeature bits of what the CPU has and the operating system has switched on. Detected once.
std::uint64_t detected_cpu_features();

/// "sse4.1, avx2, fma": the names of a mask's bits; bits that this version does not know as "unknown feature 9".
std::string cpu_feature_names(std::uint64_t features);

}  // namespace sepconv
