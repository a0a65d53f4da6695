#pragma once
// WHAT stages without weights make of the taps of a window: pools and copies.

#include "generators/spec/lowering.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// The value of a pool before its first tap, and of what lies outside of the image: it changes nothing.
Halide::Expr empty_pool(const Lowering& problem, const Halide::Type& type);

/// What a further tap makes of the value so far.
Halide::Expr with_tap(const Lowering& problem, const Halide::Expr& so_far, const Halide::Expr& tap);

/// The stage's value of what its taps gave: the mean of an average pool, which leaves out the pads.
Halide::Expr pooled(const Lowering& problem, const Halide::Expr& taps, const Pixels& pixels);

}  // namespace sepconv::generators
