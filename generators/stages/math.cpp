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
  double exp_lowest;           // its power of two is 2^-(2 exponent_bias - 2): `rest` below is then 0
  double exp_highest;          // beyond it exp is infinite
  double expm1_lowest;         // below it expm1 rounds to -1
  double log2_high, log2_low;  // log(2) in two parts; integers of the exponent's size times the high part are exact
  int square_tail_bits;        // clearing these leaves so few bits that the square is exact
  double tail_limit;           // exp(-tail_limit^2 / 2) is exp(exp_lowest)
  double tail_shift;           // k below
  Coefficients exp_tail;       // (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2
  Coefficients log1p_tail;     // (2 atanh(s) - 2 s) / s^3 in s^2 <= 1 / 9
  Coefficients minus_tanh;     // (x - tanh(x)) / x^3 in x^2 <= 0.625^2
  Coefficients normal_tail;    // (a + k) exp(a^2 / 2) P(X > a) in t = (a - k) / (a + k) for all a >= 0
};

// clang-format off
const FloatForm& form_of(const Type& type) {
  static const FloatForm single = {
      23, 127, -174.6, 89, -18, 0.693359375, -2.12194440e-4, 12, 18.687, 4,
      {0.5, 0.166665769, 0.0416665545, 0.00836319488, 0.00139262034},
      {0.666666667, 0.400000108, 0.285703057, 0.222647112, 0.174647025, 0.207876169},
      {0.333333332, -0.133333035, 0.0539592534, -0.0217688682, 0.00834378037, -0.0022925577},
      {0.75528513, -0.607896397, 0.387137399, -0.186526806, 0.0603966048, -0.00751189197, -0.00347983088,
       0.00156333708, 0.000133510242, -0.000157121555, -1.67331537e-06}};
  static const FloatForm twice = {
      52, 1023, -1416.8, 710, -38, 6.93147180369123816490e-01, 1.90821492927058770002e-10, 27, 53.231, 5,
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

// The comparisons let NaN through.
Expr clamp_low(const Expr& x, double low) { return select(x < constant_like(x, low), constant_like(x, low), x); }
Expr clamp_high(const Expr& x, double high) { return select(x > constant_like(x, high), constant_like(x, high), x); }

constexpr const char* kMultiplyAdd = "sepconv_multiply_add";

/// Makes multiply_add the operations that it stands for.
class FusableMultiplyAdds : public Halide::Internal::IRGraphMutator {
  using IRGraphMutator::visit;
  Expr visit(const Halide::Internal::Call* call) override {
    if (call->name != kMultiplyAdd) return IRGraphMutator::visit(call);
    return mutate(call->args[0]) * mutate(call->args[1]) + mutate(call->args[2]);
  }
};

/// a * b + c, rounded once where the target has an instruction for it. Only strict() gives it a meaning.
Expr multiply_add(const Expr& a, const Expr& b, const Expr& c) {
  return Halide::Internal::Call::make(c.type(), kMultiplyAdd, {a, b, c}, Halide::Internal::Call::PureExtern);
}

Expr polynomial(const Expr& x, const Coefficients& coefficients) {
  Expr sum = constant_like(x, coefficients.back());
  for (std::size_t i = coefficients.size() - 1; i-- > 0;) sum = multiply_add(sum, x, constant_like(x, coefficients[i]));
  return sum;
}

Type bits_type(const Expr& x) { return UInt(x.type().bits()); }

/// Added to an integer, or to a number that this rounds to one, it leaves the integer in the lowest bits.
double low_bits(const Type& type) { return 1.5 * static_cast<double>(std::int64_t{1} << form_of(type).fraction_bits); }

/// 2^n for an integer n whose power is normal, infinite at one above the largest, 0 at one below the smallest. The
/// integer moves from the lowest bits into the exponent. No conversion, so NaN is defined too.
Expr power_of_two(const Expr& n) {
  const FloatForm& form = form_of(n.type());
  const Expr bits = reinterpret(bits_type(n), n + constant_like(n, low_bits(n.type()) + form.exponent_bias));
  return reinterpret(n.type(), bits << Halide::cast(bits.type(), form.fraction_bits));
}

/// x = n log(2) + r with |r| <= log(2) / 2, for x = high + low.
struct Reduced {
  Expr n, r;
};
Reduced reduce(const Expr& high, const Expr& low = Expr()) {
  const FloatForm& form = form_of(high.type());
  const Expr sum = low.defined() ? high + low : high;
  // Two instructions on every target; x86-64-avx512 has Halide round halves of a vector.
  const Expr shift = constant_like(high, low_bits(high.type()));
  const Expr n = multiply_add(sum, constant_like(high, 1.4426950408889634), shift) - shift;
  // Not multiply_add: LLVM would add the constants of a sum that may be reassociated.
  const Expr r = (high - n * constant_like(n, form.log2_high)) - n * constant_like(n, form.log2_low);
  return {n, low.defined() ? r + low : r};
}

/// exp(r) - 1 for a reduced r.
Expr reduced_expm1(const Expr& r) { return multiply_add(r * r, polynomial(r, form_of(r.type()).exp_tail), r); }

/// Two powers of two: 2^n itself need not be representable. With the first, the result is a normal number.
ScaledExp scaled(const Reduced& x, const Expr& normal_n) {
  const Expr mantissa = constant_like(x.r, 1) + reduced_expm1(x.r);
  return {mantissa * power_of_two(normal_n), power_of_two(x.n - normal_n)};
}
ScaledExp scaled(const Reduced& x) { return scaled(x, clamp_low(x.n, 2 - form_of(x.n.type()).exponent_bias)); }

Expr sign_bit(const Type& bits) { return Halide::Internal::UIntImm::make(bits, std::uint64_t{1} << (bits.bits() - 1)); }

/// value with the sign bit of x.
Expr with_sign_of(const Expr& value, const Expr& x) {
  const Expr sign = sign_bit(bits_type(x));
  return reinterpret(x.type(), (reinterpret(bits_type(x), value) & ~sign) | (reinterpret(bits_type(x), x) & sign));
}

/// -|x|
Expr minus_abs(const Expr& x) { return reinterpret(x.type(), reinterpret(bits_type(x), x) | sign_bit(bits_type(x))); }

/// exp(x) - 1 for x <= 1.
Expr expm1_up_to_one(const Expr& x) {
  const Reduced reduced = reduce(clamp_low(x, form_of(x.type()).expm1_lowest));
  const Expr scale = power_of_two(reduced.n);
  return multiply_add(scale, reduced_expm1(reduced.r), scale - constant_like(x, 1));
}

}  // namespace

Expr strict(const Expr& value) { return FusableMultiplyAdds().mutate(Halide::strict_float(value)); }

Expr constant_like(const Expr& like, double value) { return Halide::Internal::make_const(like.type(), value); }

ScaledExp scaled_exp(const Expr& x) { return scaled(reduce(clamp_low(x, form_of(x.type()).exp_lowest))); }

Expr exp(const Expr& x) {
  const FloatForm& form = form_of(x.type());
  const Reduced reduced = reduce(clamp_high(clamp_low(x, form.exp_lowest), form.exp_highest));
  const Expr normal_n = clamp_high(clamp_low(reduced.n, 2 - form.exponent_bias), form.exponent_bias);
  return scaled(reduced, normal_n).value();
}

Expr expm1_of_nonpositive(const Expr& x) { return expm1_up_to_one(x); }

Expr expm1(const Expr& x) {
  const Expr one = constant_like(x, 1);
  return select(x > one, math::exp(x) - one, expm1_up_to_one(clamp_high(x, 1)));
}

Expr log1p_of_exp_of_minus_abs(const Expr& x) {
  const Expr e = scaled_exp(minus_abs(x)).value();
  const Expr s = e / (constant_like(x, 2) + e), square = s * s;
  return multiply_add(s * square, polynomial(square, form_of(x.type()).log1p_tail), s * constant_like(x, 2));
}

Expr tanh(const Expr& x) {
  // -(exp(-2a) - 1) / (exp(-2a) + 1) for a = |x|.
  const Expr e = expm1_of_nonpositive(abs(x) * constant_like(x, -2));
  return with_sign_of(e / (constant_like(x, 2) + e), x);
}

Expr minus_tanh(const Expr& x) {
  const Expr square = x * x, a = abs(x), one = constant_like(x, 1), two = constant_like(x, 2);
  // 1 - tanh(a) is 2 exp(-2a) / (1 + exp(-2a)): the larger a, the smaller this and its error.
  const Expr e = scaled_exp(constant_like(x, -2) * a).normal;
  const Expr outside = with_sign_of((a - one) + two * e / (one + e), x);
  return select(a < constant_like(x, 0.625), x * square * polynomial(square, form_of(x.type()).minus_tanh), outside);
}

Expr sigmoid(const Expr& x) {
  const ScaledExp e = scaled_exp(minus_abs(x));
  const Expr one = constant_like(x, 1);
  return select(x < constant_like(x, 0), e.value(), one) / (one + e.normal);
}

Expr times_sigmoid(const Expr& factor, const Expr& x) {
  const ScaledExp e = scaled_exp(minus_abs(x));
  const Expr quotient = factor / (constant_like(x, 1) + e.normal);
  return select(x < constant_like(x, 0), e.times(quotient), quotient);
}

Expr times_normal_cdf(const Expr& x) {
  const FloatForm& form = form_of(x.type());
  const Expr one = constant_like(x, 1);
  const Expr a = clamp_high(abs(x), form.tail_limit);
  // exp(-a^2 / 2) needs a^2 to more bits than a product has: its relative error is the argument's absolute error.
  const Expr mask = ~((Halide::Internal::make_const(bits_type(x), 1) << form.square_tail_bits) -
                      Halide::Internal::make_const(bits_type(x), 1));
  const Expr high = reinterpret(x.type(), reinterpret(bits_type(x), a) & mask);
  const Expr minus_half = constant_like(x, -0.5);
  const ScaledExp e = scaled(reduce(high * high * minus_half, (a - high) * (a + high) * minus_half));
  const Expr inverse = one / (a + constant_like(x, form.tail_shift));
  const Expr t = multiply_add(inverse, constant_like(x, -2 * form.tail_shift), one);
  const Expr tail = inverse * polynomial(t, form.normal_tail);
  return select(x < constant_like(x, 0), e.times(x * tail), x * (one - e.normal * tail));
}

Expr larger(const Expr& a, const Expr& b) { return Halide::strict_float(select(a > b, a, a < b, b, a == b, a, a + b)); }

Expr smaller(const Expr& a, const Expr& b) { return Halide::strict_float(select(a<b, a, a> b, b, a == b, a, a + b)); }

}  // namespace sepconv::generators::math
