#pragma once
// WHAT lies between rows of pixels and flat ones: the same values, numbered q = y * OW + x.

#include "generators/spec/lowering.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// dense(c, q, m, n) = rows(c, (q % OW, q / OW), m, n). Without this copy, vectors along flat pixels would have to
/// gather across the ends of rows.
Halide::Func dense_pixels(const Lowering& problem, const Halide::Func& rows, const Pixels& flat, const Halide::Var& c,
                          const Halide::Var& m, const Halide::Var& n);

}  // namespace sepconv::generators
