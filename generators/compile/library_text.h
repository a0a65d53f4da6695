#pragma once
// The text files of a generated library: its header, the source of a shared library's table, its CMake package.

#include <optional>
#include <string>
#include <vector>

#include "generators/compile/kernel_object.h"
#include "generators/compile/planned_kernels.h"
#include "sepconv/plan.h"

namespace sepconv::generators {

/// The contents of a library.
struct LibraryContents {
  std::string name;
  std::vector<PlannedKernel> kernels;
  std::vector<KernelFacts> facts;  // one per kernel
  std::vector<PlannedLayer> layers;
  std::vector<std::size_t> bodies;  // for each kernel the one whose object it shares; its own index if none
  std::optional<PlannedNetwork> network;
  std::size_t embedded_bytes = 0;  // of the weights file in the archive; 0: not embedded

  bool has_body(std::size_t kernel) const { return bodies[kernel] == kernel; }
};

/// The one symbol that a shared library exports: `extern "C" const sepconv::KernelTable* sepconv_kernel_table()`.
inline constexpr const char* kSharedSymbol = "sepconv_kernel_table";

/// <name>.h for an archive: the table itself, `name::kernels()`, and with a network `name::network()`. C++17; includes
/// only <sepconv/detail/compiled_kernel.h> and network_table.h.
std::string header_text(const LibraryContents& library);

/// <name>.h for a shared library: `name::kernels()` asks the library for its table.
std::string shared_header_text(const LibraryContents& library);

/// The source that a shared library is linked with: the table, kSharedSymbol, and the three functions that kernels
/// call, forwarding to the caller's KernelContext.
std::string shared_source_text(const LibraryContents& library);

/// <name>Config.cmake, for find_package(<name>): the imported target <name>::<name> and the variable <name>_WEIGHTS.
/// @param gpu  with kernels for GPUs, which call sepconv::gpu.
std::string package_text(const std::string& name, bool shared, bool gpu);

/// A C++ string literal, quotes included.
std::string string_literal(std::string_view text);

}  // namespace sepconv::generators
