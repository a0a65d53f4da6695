#pragma once
// A drawing of where a network's tensors lie in its workspace, and when.

#include <string>

#include "sepconv/detail/network_plan.h"

namespace sepconv::tools {

/// A self-contained SVG without scripts. Steps go to the right, offsets upwards; each tensor is a rectangle with its
/// name where that fits. A line shows how many bytes live during each step.
std::string memory_drawing(const NetworkPlan& network, const std::string& title);

}  // namespace sepconv::tools
