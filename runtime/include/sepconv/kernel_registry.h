#pragma once
// The compiled kernels that this process may call.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/kernel_row.h"

namespace sepconv {

/// Adds a generated library's rows to the process's. Thread-safe. The table must live as long as the process; rows that
/// are known already are skipped, so that registering a table twice is fine. Either all rows are added or none.
/// @throws std::invalid_argument naming the library and the row: another ABI version, a text that cannot be read, a
/// missing function, or another row of the same symbol.
void use_kernels(const KernelTable& table);

/// Opens a library made by `sepconv compile --shared`, adds its rows and keeps it open for the life of the process.
/// The library exports `extern "C" const sepconv::KernelTable* sepconv_kernel_table()`.
/// @throws std::invalid_argument naming the file and what is wrong with it.
#if defined(__has_cpp_attribute)
#if __has_cpp_attribute(gnu::no_dangling)
[[gnu::no_dangling]]  // GCC 14 would warn that the table may be a part of the path
#endif
#endif
const KernelTable&
load_kernel_library(const std::filesystem::path& path);

struct RegisteredRow {
  std::string library;
  const KernelRow* row = nullptr;
  ConvProblem problem;  // row->problem, read
};

/// Every registered row, in the order of registration.
std::vector<RegisteredRow> all_rows();

/// Why kernels of `row` cannot compute `wanted`: the first field that differs. Empty when they can: every field is
/// equal, or the row's extents and pads of an axis are dynamic.
std::string mismatch_reason(const ConvProblem& row, const ConvProblem& wanted);

}  // namespace sepconv
