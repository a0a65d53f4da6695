#include "generators/stages/norm.h"

#include <functional>
#include <string>

namespace sepconv::generators {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;

ChannelReduction channel_sum(const Lowering& p, const std::string& name, int width, const Pixels& pixels, const Var& n,
                             const std::function<Expr(const Expr& c)>& term) {
  return channel_reduction(
      p.layout, p.IC, name, width, pixels, n, term, [](const Expr& a, const Expr& b) { return a + b; },
      Halide::Internal::make_zero(term(0).type()));
}

}  // namespace

NormStage norm_stage(const Lowering& p, const Func& input, int width, const Pixels& pixels, const Var& c,
                     const Var& n) {
  std::vector<Var> pixel = pixels.vars;
  pixel.push_back(n);
  const auto element = [&](const Expr& channel) {
    return input(image_arguments<Expr>(p.layout, channel, {pixels.column, pixels.row}, n));
  };
  const Halide::Type type = input.type();
  const auto constant = [&](double value) { return Halide::Internal::make_const(type, value); };
  NormStage stage;
  stage.sum = channel_sum(p, "norm_sum", width, pixels, n, element);
  stage.mean = Func("norm_mean");
  stage.mean(pixel) = stage.sum.total / constant(p.IC);
  const auto difference = [&](const Expr& channel) { return element(channel) - stage.mean(pixel); };
  stage.squares = channel_sum(p, "norm_squares", width, pixels, n,
                              [&](const Expr& channel) { return difference(channel) * difference(channel); });
  // Strictly, or else LLVM would estimate the root.
  stage.factor = Func("norm_factor");
  stage.factor(pixel) =
      Halide::strict_float(constant(1) / Halide::sqrt(stage.squares.total / constant(p.IC) + constant(p.epsilon)));
  // Strictly, so that no pixel is rounded in another order than the one next to it.
  stage.value = Halide::strict_float(difference(c) * stage.factor(pixel));
  return stage;
}

}  // namespace sepconv::generators
