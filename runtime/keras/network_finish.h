#pragma once
// A network whose steps are final, as a plan.

#include "runtime/keras/network_draft.h"
#include "sepconv/plan.h"

namespace sepconv::keras {

/// The tensors and steps that are used, with names of their own and the pitches of their problems; no memory plan.
/// @param has_weights  of the model's file
PlannedNetwork finished(const Draft& draft, bool has_weights);

}  // namespace sepconv::keras
