#pragma once
// The environment variables that the library reads. They apply only to choices that no argument has
// made.

#include <string>
#include <string_view>

namespace sepconv::detail {

inline constexpr int kMostThreads = 1024;

/// SEPCONV_TARGET: the target to which the choice of kernels is restricted; empty if there is none.
std::string environment_target();

/// SEPCONV_THREADS; without it as many threads as the hardware runs at a time.
/// @throws std::invalid_argument as threads_from_text does.
int environment_threads();

/// The value of SEPCONV_THREADS as a number.
/// @throws std::invalid_argument naming a value that is not a number from 1 to kMostThreads.
int threads_from_text(std::string_view text);

}  // namespace sepconv::detail
