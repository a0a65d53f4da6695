#pragma once
// Compiles the kernels of a library: several at a time, those first looked up in the cache.

#include <vector>

#include "generators/compile/compile_library.h"
#include "generators/compile/kernel_object.h"

namespace sepconv::generators {

struct BuiltKernels {
  std::vector<KernelObject> objects;  // one per kernel, in order
  std::size_t cached = 0;
};

/// @param work_dir an existing folder for the generator's files.
/// @throws what compile_library throws; after the first failure no further kernel is started and running ones are
/// ended.
BuiltKernels build_kernels(const std::vector<PlannedKernel>& kernels, const CompileOptions& options,
                           const std::filesystem::path& work_dir);

}  // namespace sepconv::generators
