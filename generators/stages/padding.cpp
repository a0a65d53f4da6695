#include "generators/stages/padding.h"

#include <algorithm>

#include "generators/spec/integers.h"
#include "generators/stages/pooling.h"

namespace sepconv::generators {

using Halide::clamp;
using Halide::Expr;
using Halide::Func;
using Halide::likely;
using Halide::Var;

Func padded_input(const Lowering& p, const Func& input, const Halide::OutputImageParam& shape, const Pads& pads,
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
      select(inside, types.widen(at(clamp(likely(ix), 0, width - 1), clamp(likely(iy), 0, height - 1))),
             empty_pool(p, types.accumulator()));
  return padded;
}

PaddedInput padded_rows(const Lowering& p, const Func& input, const Pads& pads, Layout layout, int channels, int lanes,
                        const ElementTypes& types) {
  Var c("c"), x("x"), phase("phase"), y("y"), n("n");
  const Expr channel = channels > p.IC ? min(c, p.IC - 1) : Expr(c);
  const Expr iy = y - pads.top;
  PaddedInput rows;
  rows.phases = layout == Layout::nchw ? p.window.stride_w : 1;
  rows.func = Func("padded");
  const bool one_phase = rows.phases == 1;
  const std::vector<Var> pixel = one_phase ? std::vector<Var>{x, y} : std::vector<Var>{x, phase, y};
  rows.func(image_arguments<Var>(layout, c, pixel, n)) = empty_pool(p, types.accumulator());
  for (int first = 0; first < std::min(rows.phases, p.IW); ++first) {
    // Input columns first, first + phases, ...
    const int count = ceil_div(p.IW - first, rows.phases);
    const int column = p.window.pad_left + first;
    const auto copy = [&](int begin, int end, int vector) {
      Halide::RDom j(begin, end - begin, "column");
      j.where(iy >= 0 && iy < p.IH);
      const Expr to = j.x + column / rows.phases;
      const std::vector<Expr> at =
          one_phase ? std::vector<Expr>{to, y} : std::vector<Expr>{to, column % rows.phases, y};
      rows.func(image_arguments<Expr>(layout, c, at, n)) = types.widen(
          input(image_arguments<Expr>(p.layout, channel, {j.x * rows.phases + first, clamp(iy, 0, p.IH - 1)}, n)));
      rows.columns.push_back(j);
      rows.vectors.push_back(vector);
    };
    const int vector = std::min(lanes, power_of_two_below(count));
    copy(0, count / vector * vector, vector);
    if (count % vector != 0) copy(count - vector, count, vector);
  }
  return rows;
}

Func unpadded_input(const Lowering& p, const Func& input, const ElementTypes& types) {
  Var c("c"), x("x"), y("y"), n("n");
  Func unpadded("unpadded");
  unpadded(image_arguments<Var>(p.layout, c, {x, y}, n)) =
      types.widen(input(image_arguments<Expr>(p.layout, c, {x, y}, n)));
  return unpadded;
}

}  // namespace sepconv::generators
