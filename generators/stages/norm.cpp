#include "generators/stages/norm.h"

#include <functional>

namespace sepconv::generators {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

/// @param term  what channel c adds
ChannelSum channel_sum(const Lowering& p, const std::string& name, int width, const Pixels& pixels, const Var& n,
                       const std::function<Expr(const Expr& c)>& term) {
  Var lane("lane");
  const auto at = [&](const Expr& l) { return image_arguments<Expr>(p.layout, l, as_exprs(pixels.vars), n); };
  const std::vector<Var> vars = image_arguments<Var>(p.layout, lane, pixels.vars, n);
  ChannelSum sum;
  sum.lanes = Func(name);
  sum.lanes(vars) = Halide::Internal::make_zero(term(0).type());
  sum.blocks = RDom(0, p.IC / width, name + "_block");
  sum.lanes(vars) += term(sum.blocks * width + lane);
  // Powers of two, so that each is whole vectors or one of its own.
  int first = p.IC / width * width;
  for (int count = width / 2; count >= 1; count /= 2) {
    if ((p.IC - first) < count) continue;
    const RDom channel(0, count, name + "_rest");
    sum.lanes(at(channel)) += term(first + channel);
    sum.rest.push_back(channel);
    first += count;
  }
  Func last = sum.lanes;
  for (int half = width / 2; half >= 1; half /= 2) {
    Func next(name + "_half");
    next(vars) = last(vars) + last(at(lane + half));
    sum.halves.push_back(next);
    last = next;
  }
  sum.total = last(at(0));
  return sum;
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
