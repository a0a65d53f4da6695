#pragma once
// Compiles many kernels, each with a schedule of its own, into one loaded library.

#include <string>
#include <vector>

#include "generators/spec/schedule.h"
#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::test {

struct KernelSpec {
  ConvProblem problem;
  generators::CpuSchedule schedule;
  std::string target;
};

/// "problem  schedule  target", as a message names it.
std::string to_text(const KernelSpec& spec);

struct BatchKernel {
  const CompiledKernel* kernel = nullptr;  // registered; null when `fault` says why there is none
  std::string fault;
};

/// Compiles as `sepconv compile --shared` does, through the test cache, and registers the kernels. A kernel that cannot
/// be compiled does not keep the others from it.
/// @param name  the library's; another one for each call in a process.
/// @returns one for each spec, in order.
/// @throws std::runtime_error when the library cannot be linked or loaded.
std::vector<BatchKernel> compile_and_load(const std::string& name, const std::vector<KernelSpec>& specs);

}  // namespace sepconv::test
