#pragma once
// What a generated header says about the network of its library.

#include <cstddef>
#include <string>
#include <vector>

#include "generators/compile/library_text.h"

namespace sepconv::generators {

/// Scratch of a step's kernel, as ConvLayer cuts it: bytes of each call, and of each thread.
struct StepScratch {
  std::size_t call_bytes = 0, thread_bytes = 0;
};

/// The scratch of the steps' kernels, over all targets, without those that need less than another one.
std::vector<StepScratch> largest_scratch(const LibraryContents& library);

/// Bytes of workspace that sepconv::Network::workspace_bytes gives at most for any of the targets' kernels.
std::size_t network_workspace_bytes(const LibraryContents& library, std::size_t batch, std::size_t concurrency);

/// Declarations for namespace <name>: inputs, outputs, workspace_bytes, workspace_bytes_for() and network().
std::string network_declarations(const LibraryContents& library);

/// The symbol of the embedded weights: "sepconv_weights_<name>".
std::string weights_symbol(const std::string& library);

}  // namespace sepconv::generators
