#pragma once
// Elementary functions from IEEE arithmetic alone, for Float(32) and Float(64): no call leaves the vector code. They
// must be evaluated by strict(): each has an error of few units in the last place only if operations are rounded as
// written. NaN gives NaN, infinities give the limit, and results underflow gradually.

#include "Halide.h"

namespace sepconv::generators::math {

/// The value with every operation rounded as written, as Halide::strict_float makes it, except for products that are
/// added to a number in these functions: a target with fused multiply-add rounds those once.
Halide::Expr strict(const Halide::Expr& value);

/// The constant rounded to the type of `like`.
Halide::Expr constant_like(const Halide::Expr& like, double value);

/// exp(x).
Halide::Expr exp(const Halide::Expr& x);

/// exp(x) as normal * rest, so that y * exp(x) is rounded once where exp(x) itself is denormal. rest is 1 unless it is,
/// and 0 where y * exp(x) is 0 for any finite y that an activation multiplies by, so that an infinite y gives NaN.
struct ScaledExp {
  Halide::Expr normal;  // as good as exp(x) where it is added to about 1
  Halide::Expr rest;
  Halide::Expr times(const Halide::Expr& y) const { return y * normal * rest; }
  Halide::Expr value() const { return normal * rest; }
};
/// For an x whose exponential is far from infinite.
ScaledExp scaled_exp(const Halide::Expr& x);

/// exp(x) - 1 for x <= 0.
Halide::Expr expm1_of_nonpositive(const Halide::Expr& x);
/// exp(x) - 1.
Halide::Expr expm1(const Halide::Expr& x);

/// log(1 + exp(-|x|)).
Halide::Expr log1p_of_exp_of_minus_abs(const Halide::Expr& x);

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
