#include "generators/stages/depthwise.h"

#include "generators/stages/pooling.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

DepthwiseStage depthwise_stage(const Lowering& p, const PaddedInput& padded, const Func& filter, int panel,
                               const Pixels& pixels, const Var& c, const Var& m, const Var& n) {
  return depthwise_stage(p, padded, filter, panel, pixels, middle_arguments<Var>(p.layout, c, pixels.vars, m, n), c, m,
                         n);
}

DepthwiseStage depthwise_stage(const Lowering& p, const PaddedInput& padded, const Func& filter, int panel,
                               const Pixels& pixels, const std::vector<Var>& at, const Expr& c, const Expr& m,
                               const Var& n) {
  DepthwiseStage stage;
  stage.sum = Func("depthwise_sum");
  stage.tap = RDom(0, p.window.KW, 0, p.window.KH, "tap");
  const Expr kw = stage.tap.x, kh = stage.tap.y;
  const Expr tap_x = kw * p.window.dilation_w, y = pixels.row * p.window.stride_h + kh * p.window.dilation_h;
  // As many phases as the stride: each output column's taps then lie in the same columns of the phases.
  const std::vector<Expr> pixel =
      padded.phases == 1 ? std::vector<Expr>{pixels.column * p.window.stride_w + tap_x, y}
                         : std::vector<Expr>{pixels.column + tap_x / padded.phases, tap_x % padded.phases, y};
  const Expr value = padded.func(image_arguments<Expr>(p.layout, c, pixel, n));
  if (!p.has_filter()) {
    stage.sum(at) = empty_pool(p, value.type());
    stage.sum(at) = with_tap(p, stage.sum(at), value);
    return stage;
  }
  const Expr weight =
      filter(c % panel + panel * (m + p.depth_multiplier * (kw + p.window.KW * (kh + p.window.KH * (c / panel)))));
  stage.sum(at) = Halide::Internal::make_zero(filter.type());
  // An RDom update rather than an expression tree: a tree of many taps takes minutes to compile, and its sums would be
  // reassociated differently from tile to tile.
  stage.sum(at) += weight * value;
  return stage;
}

}  // namespace sepconv::generators
