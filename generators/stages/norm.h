#pragma once
// WHAT a norm computes of the channels of each pixel. No tile, vector, thread or target appears here.

#include "generators/spec/lowering.h"
#include "generators/stages/channel_reduction.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

struct NormStage {
  ChannelReduction sum, squares;
  Halide::Func mean, factor;  // pixels, n; factor = 1 / sqrt(variance + epsilon)
  Halide::Expr value;         // of image_arguments(layout, c, pixels, n)
};

/// value = (input - mean) * factor. The variance is the mean of squared differences from the mean, which does not
/// cancel as a difference of squares would.
/// @param input  image_arguments(layout, c, {x, y}, n)
/// @param width  lanes of a sum: a power of two, at most the channels
NormStage norm_stage(const Lowering& problem, const Halide::Func& input, int width, const Pixels& pixels,
                     const Halide::Var& c, const Halide::Var& n);

}  // namespace sepconv::generators
