#pragma once
// Elementary functions from IEEE arithmetic alone, for Float(32) and Float(64): no call leaves the vector code. They
// must be evaluated under strict_float: each has an error of few units in the last place only if every operation is
// rounded as written. NaN gives NaN, infinities give the limit, and results underflow gradually.

#include "Halide.h"

namespace sepconv::generators::math {

/// The constant rounded to the type of `like`.
Halide::Expr constant_like(const Halide::Expr& like, double value);

/// exp(x).
Halide::Expr exp(const Halide::Expr& x);

/// Below this x, y * exp(x) is zero for every y that an activation multiplies by: |y| <= 2 |x|.
double exp_is_zero_below(const Halide::Type& type);

/// x * 0 for x < 0: -0, but NaN for -infinity. Found from the bits, because of a sum that may be reassociated LLVM
/// assumes that it is finite, and would fold the product.
Halide::Expr negative_times_zero(const Halide::Expr& x);

/// exp(x) as mantissa * scale_1 * scale_2, so that y * exp(x) can be rounded once where exp(x) itself is denormal.
struct ScaledExp {
  Halide::Expr mantissa, scale_1, scale_2;
  Halide::Expr times(const Halide::Expr& y) const { return y * mantissa * scale_1 * scale_2; }
  Halide::Expr value() const { return mantissa * scale_1 * scale_2; }
};
ScaledExp scaled_exp(const Halide::Expr& x);

/// exp(x) - 1 for x <= 0.
Halide::Expr expm1_of_nonpositive(const Halide::Expr& x);
/// exp(x) - 1.
Halide::Expr expm1(const Halide::Expr& x);

/// log(1 + x) for 0 <= x <= 1.
Halide::Expr log1p_of_unit(const Halide::Expr& x);

Halide::Expr tanh(const Halide::Expr& x);
/// x - tanh(x), without cancellation near 0.
Halide::Expr minus_tanh(const Halide::Expr& x);

/// 1 / (1 + exp(-x)).
Halide::Expr sigmoid(const Halide::Expr& x);
/// factor * sigmoid(x), rounded once where sigmoid(x) is denormal, for a factor that has the sign of x and a magnitude
/// of at most 2 |x|.
Halide::Expr times_sigmoid(const Halide::Expr& factor, const Halide::Expr& x);

/// x * P(X < x) for a standard normal X: x / 2 * (1 + erf(x / sqrt 2)), without cancellation below 0.
Halide::Expr times_normal_cdf(const Halide::Expr& x);

/// The larger, or the smaller, of two values; a NaN if either is one, as NumPy's maximum and minimum.
Halide::Expr larger(const Halide::Expr& a, const Halide::Expr& b);
Halide::Expr smaller(const Halide::Expr& a, const Halide::Expr& b);

}  // namespace sepconv::generators::math
