#include "generators/stages/taps.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Func taps_as_planes(const Lowering& p, const PaddedInput& padded, const Pixels& pixels, const Var& c, const Var& tap,
                    const Var& n) {
  const Window& w = p.window;
  const Expr kw = w.KW == 1 ? 0 : tap % w.KW, kh = w.KH == 1 ? 0 : tap / w.KW;
  const std::vector<Expr> pixel = {pixels.column * w.stride_w + kw * w.dilation_w,
                                   pixels.row * w.stride_h + kh * w.dilation_h};
  Func planes("middle");
  planes(middle_arguments<Var>(p.layout, c, pixels.vars, tap, n)) =
      padded.func(image_arguments<Expr>(p.layout, c, pixel, n));
  return planes;
}

}  // namespace sepconv::generators
