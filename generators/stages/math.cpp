#include "generators/stages/math.h"

#include <cstdint>
#include <vector>

namespace sepconv::generators::math {
namespace {

using Halide::abs;
using Halide::Expr;
using Halide::reinterpret;
using Halide::select;
using Halide::Type;
using Halide::UInt;
using Coefficients = std::vector<double>;

/// What depends on the width. The polynomials interpolate at Chebyshev nodes, lowest power first.
struct FloatForm {
  int fraction_bits;
  double exponent_bias;
  double exp_lowest, exp_highest;  // beyond them exp is 0 and infinite, also times an activation's factor
  double expm1_lowest;             // below it expm1 rounds to -1
  double log2_high, log2_low;      // log(2) in two parts; integers of the exponent's size times the high part are exact
  int square_tail_bits;            // clearing these leaves so few bits that the square is exact
  double tail_limit;               // beyond it the normal distribution's tail times an activation's factor is 0
  double tail_shift;               // k below
  Coefficients exp_tail;           // (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2
  Coefficients log1p_tail;         // (2 atanh(s) - 2 s) / s^3 in s^2 <= 1 / 9
  Coefficients minus_tanh;         // (x - tanh(x)) / x^3 in x^2 <= 0.625^2
  Coefficients normal_tail;        // (a + k) exp(a^2 / 2) P(X > a) in t = (a - k) / (a + k) for all a >= 0
};

// clang-format off
const FloatForm& form_of(const Type& type) {
  static const FloatForm single = {
      23, 127, -120, 89, -18, 0.693359375, -2.12194440e-4, 12, 16, 4,
      {0.5, 0.166665769, 0.0416665545, 0.00836319488, 0.00139262034},
      {0.666666667, 0.400000108, 0.285703057, 0.222647112, 0.174647025, 0.207876169},
      {0.333333332, -0.133333035, 0.0539592534, -0.0217688682, 0.00834378037, -0.0022925577},
      {0.75528513, -0.607896397, 0.387137399, -0.186526806, 0.0603966048, -0.00751189197, -0.00347983088,
       0.00156333708, 0.000133510242, -0.000157121555, -1.67331537e-06}};
  static const FloatForm twice = {
      52, 1023, -760, 710, -38, 6.93147180369123816490e-01, 1.90821492927058770002e-10, 27, 39.5, 5,
      {0.5, 0.1666666666666667, 0.04166666666666667, 0.00833333333332612, 0.0013888888888883737,
       0.00019841269874873975, 2.480158732558584e-05, 2.755725533255441e-06, 2.7557273594799413e-07,
       2.510524515390137e-08, 2.0914707069612355e-09},
      {0.6666666666666666, 0.40000000000000013, 0.2857142857142194, 0.22222222223331986, 0.18181818086005655,
       0.15384620253804163, 0.13333176949138179, 0.11767997767241035, 0.10480399234365274, 0.09942024896554735,
       0.06334110851770246, 0.15231262619428984},
      {0.3333333333333333, -0.13333333333333322, 0.05396825396823587, -0.02186948853513144, 0.008863235499755191,
       -0.0035921275068775014, 0.0014558283927967684, -0.0005899817708467141, 0.00023888925486753107,
       -9.604055445315617e-05, 3.708011585593858e-05, -1.220895156262908e-05, 2.438400399388769e-06},
      {0.769193049750063, -0.6653825028900568, 0.49530561596998063, -0.31353315667128584, 0.16502036617018967,
       -0.06911863870695671, 0.02079506680331947, -0.002993376760347635, -0.0007978694284287862,
       0.0005448989774454366, -5.9375585163440916e-05, -4.976236467507681e-05, 1.6680843519640492e-05,
       3.979457180792049e-06, -2.768861633372941e-06, -3.337060350835977e-07, 4.334561019475754e-07,
       3.87533092243584e-08, -6.740161179772032e-08, -7.068045653980906e-09, 9.268659037027118e-09,
       1.322102962781694e-09, -7.842796363635921e-10, -1.4191921893580604e-10}};
  return type.bits() == 64 ? twice : single;
}
// clang-format on

Expr polynomial(const Expr& x, const Coefficients& coefficients) {
  Expr sum = constant_like(x, coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) sum = sum * x + constant_like(x, coefficients[i]);
  return sum;
}

// The comparisons let NaN through.
Expr clamp_low(const Expr& x, double low) { return select(x < constant_like(x, low), constant_like(x, low), x); }
Expr clamp_high(const Expr& x, double high) { return select(x > constant_like(x, high), constant_like(x, high), x); }

Type bits_type(const Expr& x) { return UInt(x.type().bits()); }

/// 2^n for an integer n whose power is normal, infinite at one above the largest: added to 1.5 * 2^fraction_bits the
/// integer lies in the lowest bits, from where it moves into the exponent. No conversion, so NaN is defined too.
Expr power_of_two(const Expr& n) {
  const FloatForm& form = form_of(n.type());
  const double low_bits = 1.5 * static_cast<double>(std::int64_t{1} << form.fraction_bits) + form.exponent_bias;
  const Expr bits = reinterpret(bits_type(n), n + constant_like(n, low_bits));
  return reinterpret(n.type(), bits << Halide::cast(bits.type(), form.fraction_bits));
}

/// x = n log(2) + r with |r| <= log(2) / 2, for x = high + low.
struct Reduced {
  Expr n, r;
};
Reduced reduce(const Expr& high, const Expr& low = Expr()) {
  const FloatForm& form = form_of(high.type());
  const Expr sum = low.defined() ? high + low : high;
  const Expr n = Halide::round(sum * constant_like(high, 1.4426950408889634));
  const Expr r = (high - n * constant_like(n, form.log2_high)) - n * constant_like(n, form.log2_low);
  return {n, low.defined() ? r + low : r};
}

/// exp(r) - 1 for a reduced r.
Expr reduced_expm1(const Expr& r) { return r + (r * r) * polynomial(r, form_of(r.type()).exp_tail); }

ScaledExp scaled(const Reduced& x) {
  // In two steps: 2^n itself need not be representable.
  const Expr half = Halide::round(x.n * constant_like(x.n, 0.5));
  return {constant_like(x.r, 1) + reduced_expm1(x.r), power_of_two(half), power_of_two(x.n - half)};
}

/// value with the sign bit of x.
Expr with_sign_of(const Expr& value, const Expr& x) {
  const Expr one = Halide::Internal::make_const(bits_type(x), 1);
  const Expr sign = one << Halide::cast(bits_type(x), x.type().bits() - 1);
  return reinterpret(x.type(), (reinterpret(bits_type(x), value) & ~sign) | (reinterpret(bits_type(x), x) & sign));
}

/// exp(x) - 1 for x <= 1.
Expr expm1_up_to_one(const Expr& x) {
  const Reduced reduced = reduce(clamp_low(x, form_of(x.type()).expm1_lowest));
  const Expr scale = power_of_two(reduced.n);
  return scale * reduced_expm1(reduced.r) + (scale - constant_like(x, 1));
}

}  // namespace

Expr constant_like(const Expr& like, double value) { return Halide::Internal::make_const(like.type(), value); }

ScaledExp scaled_exp(const Expr& x) {
  const FloatForm& form = form_of(x.type());
  return scaled(reduce(clamp_high(clamp_low(x, form.exp_lowest), form.exp_highest)));
}

Expr negative_times_zero(const Expr& x) {
  const Type bits = bits_type(x);
  const std::uint64_t sign = std::uint64_t{1} << (bits.bits() - 1);
  const std::uint64_t quiet = std::uint64_t{1} << (form_of(x.type()).fraction_bits - 1), infinity = sign - 2 * quiet;
  const auto constant = [&](std::uint64_t value) { return Halide::Internal::UIntImm::make(bits, value); };
  // Above the lowest finite number's bits: LLVM takes an equality for a question about infinity.
  return reinterpret(x.type(), select(reinterpret(bits, x) > constant((sign | infinity) - 1),
                                      constant(infinity | quiet), constant(sign)));
}

Expr exp(const Expr& x) { return scaled_exp(x).value(); }

double exp_is_zero_below(const Type& type) { return form_of(type).exp_lowest; }

Expr expm1_of_nonpositive(const Expr& x) { return expm1_up_to_one(x); }

Expr expm1(const Expr& x) {
  const Expr one = constant_like(x, 1);
  return select(x > one, math::exp(x) - one, expm1_up_to_one(clamp_high(x, 1)));
}

Expr log1p_of_unit(const Expr& x) {
  const Expr s = x / (constant_like(x, 2) + x), square = s * s;
  return s * constant_like(x, 2) + (s * square) * polynomial(square, form_of(x.type()).log1p_tail);
}

Expr tanh(const Expr& x) {
  // -(exp(-2a) - 1) / (exp(-2a) + 1) for a = |x|.
  const Expr e = expm1_of_nonpositive(abs(x) * constant_like(x, -2));
  return with_sign_of(e / (constant_like(x, 2) + e), x);
}

Expr minus_tanh(const Expr& x) {
  const Expr square = x * x, a = abs(x), one = constant_like(x, 1), two = constant_like(x, 2);
  // 1 - tanh(a) is 2 exp(-2a) / (1 + exp(-2a)): the larger a, the smaller this and its error.
  const Expr e = math::exp(constant_like(x, -2) * a);
  const Expr outside = with_sign_of((a - one) + two * e / (one + e), x);
  return select(a < constant_like(x, 0.625), x * square * polynomial(square, form_of(x.type()).minus_tanh), outside);
}

Expr sigmoid(const Expr& x) {
  const Expr e = math::exp(constant_like(x, 0) - abs(x)), one = constant_like(x, 1);
  return select(x < constant_like(x, 0), e, one) / (one + e);
}

Expr times_sigmoid(const Expr& factor, const Expr& x) {
  const Expr zero = constant_like(x, 0);
  const ScaledExp e = scaled_exp(zero - abs(x));
  const Expr quotient = factor / (constant_like(x, 1) + e.value());
  return select(x < constant_like(x, exp_is_zero_below(x.type())), negative_times_zero(factor), x < zero,
                e.times(quotient), quotient);
}

Expr times_normal_cdf(const Expr& x) {
  const FloatForm& form = form_of(x.type());
  const Expr zero = constant_like(x, 0), one = constant_like(x, 1);
  const Expr a = clamp_high(abs(x), form.tail_limit);
  // exp(-a^2 / 2) needs a^2 to more bits than a product has: its relative error is the argument's absolute error.
  const Expr mask = ~((Halide::Internal::make_const(bits_type(x), 1) << form.square_tail_bits) -
                      Halide::Internal::make_const(bits_type(x), 1));
  const Expr high = reinterpret(x.type(), reinterpret(bits_type(x), a) & mask);
  const Expr minus_half = constant_like(x, -0.5);
  const ScaledExp e = scaled(reduce(high * high * minus_half, (a - high) * (a + high) * minus_half));
  const Expr inverse = one / (a + constant_like(x, form.tail_shift));
  const Expr t = one - inverse * constant_like(x, 2 * form.tail_shift);
  const Expr tail = inverse * polynomial(t, form.normal_tail);
  return select(x < constant_like(x, -form.tail_limit), negative_times_zero(x), x < zero, e.times(x * tail),
                x * (one - e.times(tail)));
}

Expr larger(const Expr& a, const Expr& b) { return Halide::strict_float(select(a > b, a, a < b, b, a == b, a, a + b)); }

Expr smaller(const Expr& a, const Expr& b) { return Halide::strict_float(select(a<b, a, a> b, b, a == b, a, a + b)); }

}  // namespace sepconv::generators::math
