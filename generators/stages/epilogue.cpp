#include "epilogue.h"

#include <cmath>

namespace sepconv {
namespace {

using Halide::cast;
using Halide::Expr;
using Halide::select;

// Comparisons are written so that a NaN fails them and falls through to the value itself.
Expr clip(const Expr& x, float low, float high) { return select(x<low, low, x> high, high, x); }

Expr relu(const Activation& a, const Expr& x) {
  Expr value;
  if (a.negative_slope == 0)
    value = select(a.threshold == 0 ? x < 0.0f : x <= a.threshold, 0.0f, x);
  else
    value = select(a.threshold == 0 ? x >= 0.0f : x > a.threshold, x, a.negative_slope * (x - a.threshold));
  return std::isinf(a.max_value) ? value : select(x >= a.max_value, a.max_value, value);
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
    case ActivationKind::soft_shrink: return select(x > 0.5f, x - 0.5f, x < -0.5f, x + 0.5f, abs(x) <= 0.5f, 0.0f, x);
    case ActivationKind::hard_shrink: return select(abs(x) <= 0.5f, 0.0f, x);
    case ActivationKind::sparse_plus: return select(x <= -1.0f, 0.0f, x < 1.0f, 0.25f * (x + 1.0f) * (x + 1.0f), x);
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
