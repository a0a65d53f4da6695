#include "runtime/core/merged_pixels.h"

namespace sepconv::detail {

ConvProblem with_merged_pixels(ConvProblem problem) {
  if (problem.is_dynamic() || stages_name(problem) != "pointwise") return problem;
  const Window& window = problem.stages.front().window;
  if (window != Window{1, 1, 1, 1, window.dilation_h, window.dilation_w}) return problem;
  problem.IW *= problem.IH;
  problem.IH = 1;
  return problem;
}

}  // namespace sepconv::detail
