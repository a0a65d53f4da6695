#pragma once
// WHAT a resize makes of the pixels around a place of the input. No tile, vector, thread or target appears here.

#include <vector>

#include "generators/spec/lowering.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

struct ResizeStage {
  /// For each output column, the input column; for bilinear, the two input columns and the weight of the second.
  std::vector<Halide::Func> columns;
  Halide::Expr value;  // of image_arguments(layout, c, pixels, n)
};

/// @param input  image_arguments(layout, c, {x, y}, n)
ResizeStage resize_stage(const Lowering& problem, const Halide::Func& input, const Pixels& pixels, const Halide::Var& c,
                         const Halide::Var& n);

}  // namespace sepconv::generators
