#include "epilogue.h"

#include <cmath>

namespace sepconv {
namespace {

using Halide::Expr;
using Halide::select;

// A NaN must fail every comparison and fall through to the value itself. Halide turns a >= b into !(a < b), which a NaN
// passes, so only < and > appear where the branch is a constant; the neighbouring float makes them exact.
Expr at_most(const Expr& x, float bound) { return x < std::nextafter(bound, INFINITY); }
Expr at_least(const Expr& x, float bound) { return x > std::nextafter(bound, -INFINITY); }

Expr clip(const Expr& x, float low, float high) { return select(x<low, low, x> high, high, x); }

Expr relu(const Activation& a, const Expr& x) {
  Expr value;
  if (a.negative_slope == 0)
    value = select(a.threshold == 0 ? x < 0.0f : at_most(x, a.threshold), 0.0f, x);
  else
    value = select(a.threshold == 0 ? x >= 0.0f : x > a.threshold, x, a.negative_slope * (x - a.threshold));
  return std::isinf(a.max_value) ? value : select(at_least(x, a.max_value), a.max_value, value);
}

Expr evaluate(const Activation& a, const Expr& x) {
  switch (a.kind) {
    case ActivationKind::linear: return x;
    case ActivationKind::relu: return relu(a, x);
    case ActivationKind::hard_sigmoid: return clip(x / 6.0f + 0.5f, 0, 1);
    case ActivationKind::hard_sigmoid_keras2: return clip(x * 0.2f + 0.5f, 0, 1);
    case ActivationKind::hard_silu: return x * clip(x / 6.0f + 0.5f, 0, 1);
    case ActivationKind::hard_tanh: return clip(x, -1, 1);
    case ActivationKind::softsign: return x / (1.0f + abs(x));
    case ActivationKind::soft_shrink:
      return select(x > 0.5f, x - 0.5f, x < -0.5f, x + 0.5f, at_most(abs(x), 0.5f), 0.0f, x);
    case ActivationKind::hard_shrink: return select(at_most(abs(x), 0.5f), 0.0f, x);
    case ActivationKind::sparse_plus:
      return select(at_most(x, -1.0f), 0.0f, x < 1.0f, 0.25f * (x + 1.0f) * (x + 1.0f), x);
    case ActivationKind::sparse_sigmoid: return clip((x + 1.0f) * 0.5f, 0, 1);
    case ActivationKind::squareplus: return (x + sqrt(x * x + 4.0f)) * 0.5f;
  }
  throw std::invalid_argument("activation: no epilogue for " + to_text(a));
}

}  // namespace

Expr activate(const Activation& activation, const Expr& value) {
  if (activation.kind == ActivationKind::linear) return value;
  return Halide::strict_float(evaluate(activation, value));
}

}  // namespace sepconv
