#include "tools/strict_float.h"

namespace sepconv::tools {

void make_strict(Plan& plan) {
  for (PlannedLayer& layer : plan.layers) layer.problem.strict_float = true;
  if (!plan.network) return;
  for (PlannedLayer& layer : plan.network->layers) layer.problem.strict_float = true;
  for (NetworkStep& step : plan.network->plan.steps) step.problem.strict_float = true;
}

}  // namespace sepconv::tools
