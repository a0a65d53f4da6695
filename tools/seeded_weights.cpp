#include "tools/seeded_weights.h"

#include "runner/layer_run.h"
#include "runner/seeded.h"

namespace sepconv::tools {

bool seed_weights(std::vector<PlannedLayer>& layers) {
  bool seeded = false;
  for (PlannedLayer& layer : layers) {
    if (layer.has_weights) continue;
    const ConvProblem problem =
        layer.problem.is_dynamic() ? runner::concrete_problems(layer.problem, 0).front().problem : layer.problem;
    layer.weights = runner::real_values(problem, 1, 1).weights;
    layer.has_weights = seeded = true;
  }
  return seeded;
}

}  // namespace sepconv::tools
