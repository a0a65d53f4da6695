#pragma once
// The registered kernels, seen without a copy.

#include <functional>

#include "sepconv/kernel_registry.h"

namespace sepconv::detail {

/// Calls `visit` for every registered kernel, in the order of registration. `visit` must not register kernels.
void visit_kernels(const std::function<void(const RegisteredKernel&)>& visit);

}  // namespace sepconv::detail
