#pragma once
// WHAT a stage that keeps channels apart computes. No tile, vector, thread or target appears here.

#include "generators/spec/lowering.h"
#include "generators/stages/padding.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

struct DepthwiseStage {
  Halide::Func sum;  // middle_arguments(layout, c, pixels, m, n)
  Halide::RDom tap;  // x: KW, y: KH
};

/// sum(c, pixel, m, n) = sum_{kh,kw} filter[c / panel][kh][kw][m][c % panel] * padded(c, pixel * stride + tap *
/// dilation, n)
/// A pool has its largest tap, or the sum of its taps, in place of the products; a copy its tap.
/// @param filter  packed depthwise filter, one dimension (kernel_abi.h); undefined where there is none
/// @param panel   channels of a packed panel.
DepthwiseStage depthwise_stage(const Lowering& problem, const PaddedInput& padded, const Halide::Func& filter,
                               int panel, const Pixels& pixels, const Halide::Var& c, const Halide::Var& m,
                               const Halide::Var& n);

/// The same for sums with other arguments.
/// @param c, m  the input channel and the multiplier of the sum at `at`.
DepthwiseStage depthwise_stage(const Lowering& problem, const PaddedInput& padded, const Halide::Func& filter,
                               int panel, const Pixels& pixels, const std::vector<Halide::Var>& at,
                               const Halide::Expr& c, const Halide::Expr& m, const Halide::Var& n);

}  // namespace sepconv::generators
