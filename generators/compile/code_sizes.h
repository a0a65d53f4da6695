#pragma once
// How large compiled kernels are.

#include <cstdint>
#include <filesystem>
#include <vector>

#include "generators/compile/process.h"
#include "generators/compile/toolchain.h"

namespace sepconv::generators {

/// Bytes of an object that end in a program: without symbols, unwinding tables and notes.
struct CodeSize {
  std::uint64_t code = 0;       // machine instructions
  std::uint64_t constants = 0;  // read-only data; of a kernel for a GPU also the code that its driver compiles
};

/// The sizes of object files, in order.
/// @throws std::runtime_error when the tool fails, or leaves an object out.
std::vector<CodeSize> code_sizes(const Toolchain& tools, const std::vector<std::filesystem::path>& objects,
                                 const ProcessLimits& limits);

}  // namespace sepconv::generators
