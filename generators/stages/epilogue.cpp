#include "generators/stages/epilogue.h"

#include <cmath>
#include <stdexcept>

#include "generators/stages/math.h"

namespace sepconv::generators {
namespace {

using Halide::abs;
using Halide::Expr;
using Halide::select;

/// Keras' formulas at one value; a parameter is a constant of the value's type.
class Formula {
 public:
  Formula(const Activation& activation, const Expr& value) : a_(activation), x_(value) {}

  Expr evaluate() const;

 private:
  Expr constant(double value) const { return math::constant_like(x_, value); }
  double rounded(double value) const { return x_.type().bits() == 64 ? value : static_cast<float>(value); }
  double beside(double value, double towards) const {
    return x_.type().bits() == 64 ? std::nextafter(value, towards)
                                  : std::nextafter(static_cast<float>(value), static_cast<float>(towards));
  }

  // A NaN must fail every comparison and fall through to the value itself. Halide turns a >= b into !(a < b), which a
  // NaN passes, so only < and > appear where the branch is a constant; the neighbouring number makes them exact.
  Expr at_most(double bound) const { return x_ < constant(beside(bound, INFINITY)); }
  Expr at_least(double bound) const { return x_ > constant(beside(bound, -INFINITY)); }

  Expr clip(const Expr& value, double low, double high) const {
    return select(value<constant(low), constant(low), value> constant(high), constant(high), value);
  }
  Expr below_zero(const Expr& otherwise) const { return select(x_ < constant(0), x_, otherwise); }
  Expr above_zero() const { return select(x_ < constant(0), constant(0), x_); }

  Expr relu() const;
  Expr elu(double scale, double alpha) const {
    const Expr above = scale == 1 ? x_ : constant(scale) * x_;
    return select(x_ > constant(0), above, constant(scale * alpha) * math::expm1_of_nonpositive(x_));
  }
  Expr celu() const;
  Expr gelu_tanh() const;
  Expr mish() const;

  const Activation& a_;
  const Expr& x_;
};

Expr Formula::relu() const {
  const Expr& x = x_;
  const Expr slope = constant(a_.negative_slope), threshold = constant(a_.threshold);
  Expr value;
  if (a_.negative_slope == 0)
    value = select(a_.threshold == 0 ? x < constant(0) : at_most(a_.threshold), constant(0), x);
  else
    value = select(a_.threshold == 0 ? x >= constant(0) : x > threshold, x, slope * (x - threshold));
  return std::isinf(rounded(a_.max_value)) ? value : select(at_least(a_.max_value), constant(a_.max_value), value);
}

Expr Formula::celu() const {
  const Expr argument = below_zero(constant(0)) / constant(a_.alpha);
  const Expr exponential = a_.alpha > 0 ? math::expm1_of_nonpositive(argument) : math::expm1(argument);
  return above_zero() + constant(a_.alpha) * exponential;
}

/// x / 2 (1 + tanh(u)) is x sigmoid(2 u), which does not cancel below 0.
Expr Formula::gelu_tanh() const {
  const Expr u = constant(std::sqrt(2 / M_PI)) * (x_ + constant(0.044715) * (x_ * x_ * x_));
  return math::times_sigmoid(x_, constant(2) * u);
}

/// tanh(log(1 + e)) is e (e + 2) / (e (e + 2) + 2) for e = exp(x).
Expr Formula::mish() const {
  const double is_x_above = x_.type().bits() == 64 ? 40 : 20;
  const math::ScaledExp exponential = math::scaled_exp(select(x_ > constant(is_x_above), constant(is_x_above), x_));
  const Expr e = exponential.normal, two = constant(2), sum = e + two;
  return select(x_ > constant(is_x_above), x_, exponential.times(x_ * (sum / (e * sum + two))));
}

Expr Formula::evaluate() const {
  const Expr& x = x_;
  const Expr zero = constant(0), half = constant(0.5), one = constant(1);
  const Expr threshold = constant(a_.threshold);
  switch (a_.kind) {
    case ActivationKind::linear: return x;
    case ActivationKind::relu: return relu();
    case ActivationKind::elu: return elu(1, a_.alpha);
    case ActivationKind::selu: return elu(1.0507009873554805, 1.6732632423543772);
    case ActivationKind::celu: return celu();
    case ActivationKind::sigmoid: return math::sigmoid(x);
    case ActivationKind::tanh: return math::tanh(x);
    case ActivationKind::silu: return math::times_sigmoid(x, x);
    case ActivationKind::gelu: return math::times_normal_cdf(x);
    case ActivationKind::gelu_tanh: return gelu_tanh();
    case ActivationKind::softplus: return above_zero() + math::log1p_of_exp_of_minus_abs(x);
    case ActivationKind::softsign: return x / (one + abs(x));
    case ActivationKind::exponential: return math::exp(x);
    case ActivationKind::hard_sigmoid: return clip(x / constant(6) + half, 0, 1);
    case ActivationKind::hard_sigmoid_keras2: return clip(x * constant(0.2) + half, 0, 1);
    case ActivationKind::hard_silu: return x * clip(x / constant(6) + half, 0, 1);
    case ActivationKind::hard_tanh: return clip(x, -1, 1);
    case ActivationKind::mish: return mish();
    case ActivationKind::log_sigmoid: return below_zero(zero) - math::log1p_of_exp_of_minus_abs(x);
    case ActivationKind::squareplus: return (x + sqrt(x * x + constant(a_.alpha))) * half;
    case ActivationKind::sparse_plus:
      return select(at_most(-1), zero, x < one, constant(0.25) * (x + one) * (x + one), x);
    case ActivationKind::sparse_sigmoid: return clip((x + one) * half, 0, 1);
    // A NaN gives what Keras' nested where() give: the last branch.
    case ActivationKind::soft_shrink:
      return select(x > threshold, x - threshold, x < constant(-a_.threshold), x + threshold, zero);
    case ActivationKind::hard_shrink: return select(abs(x) > threshold, x, zero);
    case ActivationKind::tanh_shrink: return math::minus_tanh(x);
    case ActivationKind::threshold: return select(x > threshold, x, constant(a_.default_value));
    case ActivationKind::softmax:
    case ActivationKind::log_softmax:
    case ActivationKind::sparsemax:
    case ActivationKind::glu: break;
  }
  throw std::invalid_argument("activation: " + to_text(a_) +
                              " works along an axis; a kernel's epilogue computes elementwise functions");
}

}  // namespace

Expr activate(const Activation& activation, const Expr& value) {
  if (activation.kind == ActivationKind::linear) return value;
  if (value.type() != Halide::Float(32) && value.type() != Halide::Float(64))
    throw std::invalid_argument("activation: an epilogue is computed in float32 or float64");
  return math::strict(Formula(activation, value).evaluate());
}

Expr apply_step(const EpilogueStep& step, const Expr& value, const Expr& other) {
  switch (step.kind) {
    case EpilogueKind::activation: return activate(step.activation, value);
    case EpilogueKind::bias:
    case EpilogueKind::add: return value + other;
    case EpilogueKind::scale:
    case EpilogueKind::multiply: return value * other;
    case EpilogueKind::prelu: return select(value < math::constant_like(value, 0), value * other, value);
    case EpilogueKind::subtract: return value - other;
    case EpilogueKind::maximum: return math::larger(value, other);
    case EpilogueKind::minimum: return math::smaller(value, other);
  }
  throw std::logic_error("epilogue: no formula for step " + to_text(step));
}

}  // namespace sepconv::generators
