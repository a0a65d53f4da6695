#include "generators/stages/axis_activation.h"

#include "generators/stages/math.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::strict_float;
using Halide::Var;

Expr gated(const Expr& value, const Expr& gate) { return math::strict(value * math::sigmoid(gate)); }

AxisStage axis_stage(const Lowering& p, Layout layout, const std::function<Expr(const Expr& i)>& element, int width,
                     const Pixels& pixels, const Var& i, const Var& n) {
  AxisStage stage;
  const int elements = p.line_elements();
  std::vector<Var> line = pixels.vars;
  line.push_back(n);
  const auto kept = [&](const char* name, const Expr& value) {
    Func func(name);
    func(line) = value;
    stage.values.push_back(func);
    return Expr(func(line));
  };
  const Halide::Type type = element(0).type();
  const auto reduced = [&](const char* name, const std::function<Expr(const Expr&)>& term, const Combine& combine,
                           const Expr& neutral) {
    stage.reductions.push_back(channel_reduction(layout, elements, name, width, pixels, n, term, combine, neutral));
    return stage.reductions.back().total;
  };
  const Expr largest = kept("axis_maximum", reduced("axis_largest", element, math::larger, -type.max()));
  const auto below = [&](const Expr& at) { return element(at) - largest; };
  const auto exponential = [&](const Expr& at) { return math::scaled_exp(below(at)).value(); };
  const Expr sum = reduced(
      "axis_sum", [&](const Expr& at) { return math::strict(exponential(at)); },
      [](const Expr& a, const Expr& b) { return a + b; }, Halide::Internal::make_zero(type));
  if (p.along.kind == ActivationKind::softmax)
    stage.value = math::strict(exponential(i) / kept("axis_divisor", sum));
  else
    stage.value = strict_float(below(i) - kept("axis_log", strict_float(Halide::log(sum))));
  return stage;
}

}  // namespace sepconv::generators
