#include "generators/stages/pointwise.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

PointwiseStage pointwise_stage(const Lowering& p, const Func& middle, const Func& weights, const Func& bias, int panel,
                               const Pixels& pixels, const Var& f, const Var& n) {
  return pointwise_stage(p, middle, unpacked_weights(p, weights, panel), bias, pixels, f, n);
}

PointwiseStage pointwise_stage(const Lowering& p, const Func& middle, const Func& unpacked, const Func& bias,
                               const Pixels& pixels, const Var& f, const Var& n) {
  PointwiseStage stage;
  stage.sum = Func("pointwise_sum");
  stage.k = RDom(0, p.IC, 0, p.planes(), "k");
  const Expr c = stage.k.x, m = stage.k.y;
  const auto out = image_arguments<Var>(p.layout, f, pixels.vars, n);
  // Starting from the bias saves an addition per output.
  stage.sum(out) = bias.defined() ? bias(f) : Halide::Internal::make_zero(unpacked.type());
  stage.sum(out) += unpacked(f, c, m) * middle(middle_arguments<Expr>(p.layout, c, as_exprs(pixels.vars), m, n));
  return stage;
}

Func unpacked_weights(const Lowering& p, const Func& weights, int panel) {
  Var f("f"), c("c"), m("m");
  Func unpacked("unpacked");
  unpacked(f, c, m) = weights(f % panel + panel * (c + p.IC * (m + p.planes() * (f / panel))));
  return unpacked;
}

Expr finished(PointwiseStage& stage, const Expr& value, bool transposed, const Pixels& pixels, const Var& f,
              const Var& n) {
  if (!transposed) return value;
  stage.result = Func("pointwise_result");
  const auto at = image_arguments<Var>(Layout::nhwc, f, pixels.vars, n);
  stage.result(at) = value;
  return stage.result(at);
}

}  // namespace sepconv::generators
