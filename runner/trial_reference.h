#pragma once
// What must come out of a problem's kernels, computed once in double and kept in a file.

#include <cstdint>
#include <filesystem>

#include "runner/reference.h"
#include "runner/seeded.h"

namespace sepconv::runner {

/// Weights and input of a problem with static extents, and the exact result with its limits.
struct TrialReference {
  SeededCase data;  // real_values
  ReferenceOutput expected;
};

/// Reads the file, or computes the reference with `threads` threads and writes it: to a temporary name, so that others
/// never see half a file. A file that is damaged or of another problem is written anew; one that cannot be written is
/// done without.
/// @param path  empty: no file.
TrialReference trial_reference(const ConvProblem& problem, const std::filesystem::path& path, int threads);

}  // namespace sepconv::runner
