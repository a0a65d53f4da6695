#include "generators/stages/dense.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

Func dense_pixels(const Lowering& p, const Func& rows, const Pixels& flat, const Var& c, const Var& m, const Var& n) {
  Func dense("dense");
  dense(middle_arguments<Var>(p.layout, c, flat.vars, m, n)) =
      rows(middle_arguments<Expr>(p.layout, c, {flat.column, flat.row}, m, n));
  return dense;
}

}  // namespace sepconv::generators
