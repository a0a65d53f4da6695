#include "tools/strict_float.h"

namespace sepconv::tools {

void make_strict(Plan& plan) {
  for (PlannedLayer& layer : plan.layers) layer.problem.strict_float = true;
}

}  // namespace sepconv::tools
