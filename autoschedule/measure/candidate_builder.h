#pragma once
// Compiles a candidate into a folder that a runner can use, on this machine or on another one.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "autoschedule/trial.h"

namespace sepconv::autoschedule {

struct BuilderOptions {
  std::filesystem::path generator;                      // the sepconv-generator program
  std::filesystem::path kernels;                        // keeps built kernels, one folder each
  double seconds = 60;                                  // time limit of the generator, and of each tool
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;  // of the same
  const std::atomic<bool>* cancelled = nullptr;         // stops a build soon after it becomes true
  /// The cache of compiled kernels that libraries share; nothing = only linked kernels are kept.
  std::optional<std::filesystem::path> cache_dir;
};

/// The result of a build.
struct BuiltCandidate {
  TrialStatus status = TrialStatus::ok;  // ok: built
  std::string message;                   // why not
  std::filesystem::path folder;          // kernel.so and kernel.json; empty unless built
  double seconds = 0;                    // wall clock
  bool cached = false;                   // it was in the folder already
};

/// Compiles the candidate, or takes it from the cache, and links it to a library for `sepconv-runner trial`; or finds
/// it among the kernels built before. A candidate that cannot be built, crashes, hangs or needs too much memory is a
/// status, never an exception; so is a cancelled build (`lost`). Several processes may use one folder.
/// @throws std::runtime_error when no candidate could be built: no generator, no linker, a folder that cannot be
///   written.
BuiltCandidate build_candidate(const Candidate& candidate, const BuilderOptions& options);

/// The result of compiling a kernel only to inspect it.
struct CompiledCandidate {
  TrialStatus status = TrialStatus::ok;
  std::string message;  // why not ok
};

/// Compiles the candidate without linking it, so that no compiler of the target's system is needed.
/// @param look  is called with the object file, which is gone afterwards; not called unless the status is ok.
/// @throws std::runtime_error as build_candidate does; what `look` throws.
CompiledCandidate compile_candidate(const Candidate& candidate, const BuilderOptions& options,
                                    const std::function<void(const std::filesystem::path&)>& look);

/// Removes what builds that were killed have left in the folder.
void remove_forgotten_builds(const std::filesystem::path& kernels);

}  // namespace sepconv::autoschedule
