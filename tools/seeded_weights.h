#pragma once
// Weights for models that have none.

#include <vector>

#include "sepconv/plan.h"

namespace sepconv::tools {

/// Gives each layer without weights seeded ones. @return whether there was one
bool seed_weights(std::vector<PlannedLayer>& layers);

}  // namespace sepconv::tools
