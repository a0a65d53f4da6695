#pragma once
// What the pointwise stage computes: a GEMM over the channels of each pixel.

#include "generators/spec/lowering.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

struct PointwiseStage {
  Halide::Func sum;     // image_arguments(layout, c, pixels, n)
  Halide::RDom k;       // x: channel, y: plane
  Halide::Func result;  // what finished() made of the sums: image_arguments(nhwc, c, pixels, n)
};

/// sum(f, pixel, n) = bias(f) + sum_{m,c} weights[f / panel][m][c][f % panel] * middle(c, pixel, m, n)
/// @param middle   middle_arguments(layout, c, pixels, m, n).
/// @param weights  packed pointwise weights, one dimension (kernel_abi.h).
/// @param bias     [OC], zero filled to the panel; undefined: no bias.
PointwiseStage pointwise_stage(const Lowering& problem, const Halide::Func& middle, const Halide::Func& weights,
                               const Halide::Func& bias, int panel, const Pixels& pixels, const Halide::Var& f,
                               const Halide::Var& n);

/// The same with the weights as unpacked_weights gives them, for schedules that stage them.
PointwiseStage pointwise_stage(const Lowering& problem, const Halide::Func& middle, const Halide::Func& unpacked,
                               const Halide::Func& bias, const Pixels& pixels, const Halide::Var& f,
                               const Halide::Var& n);

/// unpacked(f, c, m) = weights[f / panel][m][c][f % panel]
Halide::Func unpacked_weights(const Lowering& problem, const Halide::Func& weights, int panel);

/// The output's elements, `value` of stage.sum. With `transposed`, they go through stage.result, in which the channels
/// of a pixel are contiguous, so that a tile of vectors along channels can be stored along pixels.
Halide::Expr finished(PointwiseStage& stage, const Halide::Expr& value, bool transposed, const Pixels& pixels,
                      const Halide::Var& f, const Halide::Var& n);

}  // namespace sepconv::generators
