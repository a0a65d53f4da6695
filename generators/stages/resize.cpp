#include "generators/stages/resize.h"

namespace sepconv::generators {
namespace {

using Halide::cast;
using Halide::Expr;
using Halide::Func;
using Halide::Var;

Expr place_of(const Expr& output, int in, int out) {
  return Halide::strict_float((cast<float>(output) + 0.5f) * (static_cast<float>(in) / static_cast<float>(out)));
}

Expr inside(const Expr& pixel, int in) { return clamp(pixel, 0, in - 1); }

Expr nearest(const Expr& output, int in, int out) {
  return in == out ? output : inside(cast<int>(floor(place_of(output, in, out))), in);
}

/// A place between two centres.
struct Between {
  Expr first, second, share;
};

Between between(const Expr& output, int in, int out) {
  const Expr place = Halide::strict_float(place_of(output, in, out) - 0.5f), below = floor(place);
  const Expr first = cast<int>(below);
  return {inside(first, in), inside(first + 1, in), Halide::strict_float(place - below)};
}

Expr mixed(const Expr& a, const Expr& b, const Expr& share) { return a + (b - a) * cast(a.type(), share); }

}  // namespace

ResizeStage resize_stage(const Lowering& p, const Func& input, const Pixels& pixels, const Var& c, const Var& n) {
  ResizeStage stage;
  Var x("x");
  /// The value of each output column, kept in a table.
  const auto kept = [&](const char* name, const Expr& value) {
    Func column(name);
    column(x) = value;
    stage.columns.push_back(column);
    return Expr(column(pixels.column));
  };
  const auto kept_column = [&](const char* name, const Expr& value) {
    return Halide::unsafe_promise_clamped(kept(name, value), 0, p.IW - 1);
  };
  const auto element = [&](const Expr& column, const Expr& row) {
    return input(image_arguments<Expr>(p.layout, c, {column, row}, n));
  };
  if (p.interpolation == Interpolation::nearest) {
    stage.value = element(kept_column("resize_column", nearest(x, p.IW, p.OW())), nearest(pixels.row, p.IH, p.OH()));
    return stage;
  }
  const Between columns = between(x, p.IW, p.OW()), rows = between(pixels.row, p.IH, p.OH());
  const Expr first = kept_column("resize_first", columns.first), second = kept_column("resize_second", columns.second);
  const Expr share = kept("resize_share", columns.share);
  const auto along_row = [&](const Expr& row) { return mixed(element(first, row), element(second, row), share); };
  stage.value = mixed(along_row(rows.first), along_row(rows.second), rows.share);
  return stage;
}

}  // namespace sepconv::generators
