#pragma once
// Which targets this machine runs.

#include <string>

#include "generators/spec/target.h"

namespace sepconv::tools {

/// Why kernels of the target cannot run here: "is not for CPUs like this machine's", "needs fma, which this CPU lacks".
/// Empty where they can.
std::string cannot_run_here(const generators::Target& target);

/// The best shipped target with kernels for the type that this CPU runs.
/// @throws std::invalid_argument if there is none.
const generators::Target& best_target_here(DataType dtype);

}  // namespace sepconv::tools
