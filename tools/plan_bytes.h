#pragma once
// A plan as bytes, for the process that did not read the model. Reading believes nothing: what a crashed or subverted
// reader leaves is either a plan or an error.

#include <cstdio>
#include <string_view>

#include "sepconv/plan.h"

namespace sepconv::tools {

/// Writes the plan. The caller looks at the file's state for errors.
void write_plan(const Plan& plan, std::FILE* file);

/// Reads what write_plan wrote.
/// @throws std::invalid_argument when the bytes are no plan whose problems are valid and whose weights fit them.
Plan plan_from_bytes(std::string_view bytes);

}  // namespace sepconv::tools
