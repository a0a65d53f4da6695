#include "padding.h"

namespace sepconv {

using Halide::clamp;
using Halide::Expr;
using Halide::Func;
using Halide::likely;
using Halide::Var;

Func padded_input(const ConvProblem& p, const Func& input, const Halide::OutputImageParam& shape, const Pads& pads,
                  int channels, const ElementTypes& types) {
  Var c("c"), x("x"), y("y"), n("n");
  const int w_dim = p.layout == Layout::nhwc ? 1 : 0, h_dim = p.layout == Layout::nhwc ? 2 : 1;
  const Expr width = p.dynamic_w() ? Expr(shape.dim(w_dim).extent()) : Expr(p.IW);
  const Expr height = p.dynamic_h() ? Expr(shape.dim(h_dim).extent()) : Expr(p.IH);
  const Expr ix = x - pads.left, iy = y - pads.top;
  Func padded("padded");
  const auto at = [&](const Expr& column, const Expr& row) {
    const Expr channel = channels > p.IC ? min(c, p.IC - 1) : Expr(c);
    return input(image_arguments<Expr>(p.layout, channel, {column, row}, n));
  };
  const Expr inside = likely(ix >= 0) && likely(ix < width) && likely(iy >= 0) && likely(iy < height);
  padded(image_arguments<Var>(p.layout, c, {x, y}, n)) =
      select(inside, types.widen(at(clamp(likely(ix), 0, width - 1), clamp(likely(iy), 0, height - 1))), types.zero());
  return padded;
}

PaddedInput padded_rows(const ConvProblem& p, const Func& input, const Pads& pads, int channels, int vector,
                        const ElementTypes& types) {
  Var c("c"), x("x"), y("y"), n("n");
  const Expr channel = channels > p.IC ? min(c, p.IC - 1) : Expr(c);
  const Expr iy = y - pads.top;
  PaddedInput rows;
  rows.func = Func("padded");
  rows.func(image_arguments<Var>(p.layout, c, {x, y}, n)) = types.zero();
  const auto copy = [&](int begin, int end) {
    Halide::RDom column(begin, end - begin, "column");
    column.where(iy >= 0 && iy < p.IH);
    rows.func(image_arguments<Expr>(p.layout, c, {column.x + pads.left, y}, n)) =
        types.widen(input(image_arguments<Expr>(p.layout, channel, {column.x, clamp(iy, 0, p.IH - 1)}, n)));
    rows.columns.push_back(column);
  };
  copy(0, p.IW / vector * vector);
  if (p.IW % vector != 0) copy(p.IW - vector, p.IW);
  return rows;
}

Func unpadded_input(const ConvProblem& p, const Func& input, const ElementTypes& types) {
  Var c("c"), x("x"), y("y"), n("n");
  Func unpadded("unpadded");
  unpadded(image_arguments<Var>(p.layout, c, {x, y}, n)) =
      types.widen(input(image_arguments<Expr>(p.layout, c, {x, y}, n)));
  return unpadded;
}

}  // namespace sepconv
