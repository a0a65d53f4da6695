#pragma once
// A kernel as sepconv-builder leaves it: kernel.so and kernel.json in a folder.

#include <filesystem>
#include <string>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::runner {

/// kernel.json: the kernel without its function.
struct TrialKernel {
  std::filesystem::path folder;
  std::string problem_text, target, schedule, function;
  ConvProblem problem;
  CompiledKernel facts{};  // of which only the numbers are set
};

/// @throws std::invalid_argument naming the file and what is wrong with it.
TrialKernel read_trial_kernel(const std::filesystem::path& folder);

/// Opens the library and registers its kernel, which is known by `symbol` from then on. To be done in a child process:
/// opening it may already run its code.
/// @param problem  what the kernel computes: the folder's problem as kernels see it.
/// @throws std::runtime_error with the loader's message.
void load_trial_kernel(const TrialKernel& kernel, const ConvProblem& problem, const std::string& symbol);

}  // namespace sepconv::runner
