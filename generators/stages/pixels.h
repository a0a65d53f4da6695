#pragma once
// The output pixels of a convolution as Halide variables, either (x, y) or flattened to q = y * OW + x, and the order
// of the axes of each Func in a layout.

#include <vector>

#include "Halide.h"
#include "sepconv/conv_problem.h"

namespace sepconv::generators {

struct Pixels {
  Halide::Var x{"x"}, y{"y"}, q{"q"};
  bool flat = false;
  Halide::Expr column, row;       // output coordinates as functions of the variables
  std::vector<Halide::Var> vars;  // {q} or {x, y}, innermost first

  /// (x, y)
  Pixels() : column(x), row(y), vars{x, y} {}
  /// q, over rows of `OW` pixels
  explicit Pixels(int OW) : flat(true), column(q % OW), row(q / OW), vars{q} {}
};

/// Arguments of an image-like Func in memory order, innermost first: (c, pixel..., n) in nhwc, (pixel..., c, n) in
/// nchw.
template <class T>
std::vector<T> image_arguments(Layout layout, const T& c, const std::vector<T>& pixel, const T& n) {
  std::vector<T> arguments(pixel.begin(), pixel.end());
  arguments.insert(layout == Layout::nhwc ? arguments.begin() : arguments.end(), c);
  arguments.push_back(n);
  return arguments;
}

/// Arguments of the depthwise result: those of an image with the multiplier m next to the batch, so that each m is a
/// plane of its own and vectors never have to skip over multipliers.
template <class T>
std::vector<T> middle_arguments(Layout layout, const T& c, const std::vector<T>& pixel, const T& m, const T& n) {
  std::vector<T> arguments = image_arguments(layout, c, pixel, m);
  arguments.push_back(n);
  return arguments;
}

inline std::vector<Halide::Expr> as_exprs(const std::vector<Halide::Var>& vars) {
  return std::vector<Halide::Expr>(vars.begin(), vars.end());
}

}  // namespace sepconv::generators
