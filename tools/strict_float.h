#pragma once
// The strict float mode, which a plan takes on as a whole.

#include "sepconv/plan.h"

namespace sepconv::tools {

inline constexpr const char* kStrictFloatHelp =
    "Sum products in one fixed order and never contract them: slower, but identical bits on every target";

/// Turns the strict float mode on for every layer.
void make_strict(Plan& plan);

}  // namespace sepconv::tools
