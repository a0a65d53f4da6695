#pragma once
// WHAT a reduction over the channels of a pixel is: in lanes, and in one fixed order. No tile, vector, thread or target
// appears here.

#include <functional>
#include <string>
#include <vector>

#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// How two values become one: a sum, a maximum.
using Combine = std::function<Halide::Expr(const Halide::Expr& a, const Halide::Expr& b)>;

/// A reduction over the channels of a pixel in a fixed order: lane l combines channels l, l + width, l + 2 width, ...;
/// then the upper half of the lanes is combined with the lower half until one is left.
struct ChannelReduction {
  Halide::Func lanes;                // image_arguments(layout, lane, pixels, n)
  Halide::RDom blocks;               // of its first update, over whole blocks of `width` channels
  std::vector<Halide::RDom> rest;    // of its further updates, over the lanes that the channels behind these go to
  std::vector<Halide::Func> halves;  // the same arguments; the last has one lane
  Halide::Expr total;                // of pixels and n
};

/// @param width    lanes: a power of two, at most the channels
/// @param term     what a channel adds
/// @param neutral  the value of a lane before its first channel
ChannelReduction channel_reduction(Layout layout, int channels, const std::string& name, int width,
                                   const Pixels& pixels, const Halide::Var& n,
                                   const std::function<Halide::Expr(const Halide::Expr& c)>& term,
                                   const Combine& combine, const Halide::Expr& neutral);

}  // namespace sepconv::generators
