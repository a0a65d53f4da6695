#include "runtime/core/merged_pixels.h"

namespace sepconv::detail {

ConvProblem with_merged_pixels(ConvProblem problem) {
  const Stage& first = problem.stages.front();
  const bool in_place = first.kind == StageKind::conv && first.window.is_identity();
  if (problem.is_dynamic() || problem.stages.size() != 1 || !in_place) return problem;
  problem.IW *= problem.IH;
  problem.IH = 1;
  return problem;
}

}  // namespace sepconv::detail
