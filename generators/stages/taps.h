#pragma once
// WHAT a conv stage sums over: the taps of its window as planes, which make it a pointwise stage.

#include "generators/spec/lowering.h"
#include "generators/stages/padding.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// planes(c, pixel, tap, n) = padded(c, pixel * stride + (kh, kw) * dilation, n), where tap = kh * KW + kw: in the
/// order middle_arguments(layout, c, pixels, tap, n).
Halide::Func taps_as_planes(const Lowering& problem, const PaddedInput& padded, const Pixels& pixels,
                            const Halide::Var& c, const Halide::Var& tap, const Halide::Var& n);

}  // namespace sepconv::generators
