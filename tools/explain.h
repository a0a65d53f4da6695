#pragma once
// One layer on one target in depth: what it costs at least, how its kernel goes about it, and what the compiler made.

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>

#include "generators/spec/target.h"
#include "sepconv/plan.h"

namespace sepconv::tools {

struct ExplainOptions {
  std::string layer;   // as the plan names it
  std::string target;  // empty: the best that this CPU runs
  std::filesystem::path tables, generator;
  std::optional<std::filesystem::path> cache_dir;
  const std::atomic<bool>* cancelled = nullptr;
};

/// Compiles the layer's kernel, as `sepconv compile` without a lockfile would, and describes it: operations and least
/// bytes of one image; the roofline's time, with multiply-adds and copies measured on this machine where it runs the
/// target, else with stated ones; the schedule in words; the instructions of the hottest loop.
/// @returns lines, each ended by a line feed.
/// @throws std::invalid_argument for a layer that the plan lacks, dynamic extents, and targets that are unknown, a
///   GPU's, or without kernels for the layer's type; what build_kernels and disassembly_of throw.
std::string explain(const Plan& plan, const ExplainOptions& options);

}  // namespace sepconv::tools
