#pragma once
// The registered rows, seen without a copy.

#include <functional>

#include "sepconv/kernel_registry.h"

namespace sepconv::detail {

/// Calls `visit` for every registered row, in the order of registration. `visit` must not register rows.
void visit_rows(const std::function<void(const RegisteredRow&)>& visit);

}  // namespace sepconv::detail
