#pragma once
// Halide's names of the services that a kernel needs from its caller, and ours (kernel_abi.h).

#include <utility>

namespace sepconv::generators {

inline constexpr std::pair<const char*, const char*> kRuntimeCalls[] = {
    {"halide_do_par_for", "sepconv_abi1_parallel_for"},
    {"halide_malloc", "sepconv_abi1_allocate"},
    {"halide_free", "sepconv_abi1_release"},
};

}  // namespace sepconv::generators
