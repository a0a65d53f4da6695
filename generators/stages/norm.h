#pragma once
// WHAT a norm computes of the channels of each pixel. No tile, vector, thread or target appears here.

#include <string>
#include <vector>

#include "generators/spec/lowering.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// A sum over the channels of a pixel in a fixed order: lane l sums channels l, l + width, l + 2 width, ...; then the
/// upper half of the lanes is added to the lower half until one is left.
struct ChannelSum {
  Halide::Func lanes;                // image_arguments(layout, lane, pixels, n)
  Halide::RDom blocks;               // of its first update, over whole blocks of `width` channels
  std::vector<Halide::RDom> rest;    // of its further updates, over the lanes that the channels behind these go to
  std::vector<Halide::Func> halves;  // the same arguments; the last has one lane
  Halide::Expr total;                // of pixels and n
};

struct NormStage {
  ChannelSum sum, squares;
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
