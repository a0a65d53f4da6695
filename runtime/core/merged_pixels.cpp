#include "runtime/core/merged_pixels.h"

namespace sepconv::detail {

ConvProblem with_merged_pixels(ConvProblem problem) {
  const Stage& first = problem.stages.front();
  const bool by_pixel = first.kind == StageKind::conv || first.kind == StageKind::copy || first.kind == StageKind::norm;
  const bool in_place = by_pixel && first.window.is_identity();
  if (problem.is_dynamic() || problem.stages.size() != 1 || !in_place) return problem;
  const auto rows_follow = [&](const Pitches& pitches) {
    return problem.IH == 1 || pitches.row == problem.IW * pitches.pixel;
  };
  if (!rows_follow(problem.input_pitches) || !rows_follow(problem.output_pitches)) return problem;
  problem.IW *= problem.IH;
  problem.IH = 1;
  problem.input_pitches.row = problem.IW * problem.input_pitches.pixel;
  problem.output_pitches.row = problem.IW * problem.output_pitches.pixel;
  return problem;
}

}  // namespace sepconv::detail
