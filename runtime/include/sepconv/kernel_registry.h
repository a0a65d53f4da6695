#pragma once
// The compiled kernels that this process may call.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv {

/// Registers the kernels of a generated library. Thread-safe. The table must live as long as the process. Kernels that
/// are already registered are skipped, so registering a table twice is harmless.
/// Either all kernels are added or none.
/// @throws std::invalid_argument naming the library and the kernel, for another ABI version, a text that cannot be
/// parsed, a missing function, or another kernel with the same symbol.
void use_kernels(const KernelTable& table);

/// Opens a library made by `sepconv compile --shared`, adds its kernels and keeps it open for the life of the process.
/// The library exports `extern "C" const sepconv::KernelTable* sepconv_kernel_table()`.
/// @throws std::invalid_argument naming the file and what is wrong with it.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(gnu::no_dangling)
[[gnu::no_dangling]]  // GCC 14 would warn that the table may be part of the path
#endif
#endif
const KernelTable&
load_kernel_library(const std::filesystem::path& path);

struct RegisteredKernel {
  std::string library;
  const CompiledKernel* kernel = nullptr;
  ConvProblem problem;  // kernel->problem, parsed
};

/// Every registered kernel, in the order of registration.
std::vector<RegisteredKernel> registered_kernels();

/// Why a kernel for `kernel` cannot compute `wanted`: the first field that differs. Empty if it can: every field is
/// equal, or the kernel's extents and pads along an axis are dynamic.
std::string mismatch_reason(const ConvProblem& kernel, const ConvProblem& wanted);

}  // namespace sepconv
