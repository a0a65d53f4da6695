#include "generators/stages/channel_reduction.h"

namespace sepconv::generators {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::Var;

ChannelReduction channel_reduction(Layout layout, int channels, const std::string& name, int width,
                                   const Pixels& pixels, const Var& n, const std::function<Expr(const Expr& c)>& term,
                                   const Combine& combine, const Expr& neutral) {
  Var lane("lane");
  const auto at = [&](const Expr& l) { return image_arguments<Expr>(layout, l, as_exprs(pixels.vars), n); };
  const std::vector<Var> vars = image_arguments<Var>(layout, lane, pixels.vars, n);
  ChannelReduction reduction;
  Func& lanes = reduction.lanes = Func(name);
  lanes(vars) = neutral;
  reduction.blocks = RDom(0, channels / width, name + "_block");
  lanes(vars) = combine(lanes(vars), term(reduction.blocks * width + lane));
  // Powers of two, so that each is whole vectors or one of its own.
  int first = channels / width * width;
  for (int count = width / 2; count >= 1; count /= 2) {
    if ((channels - first) < count) continue;
    const RDom channel(0, count, name + "_rest");
    lanes(at(channel)) = combine(lanes(at(channel)), term(first + channel));
    reduction.rest.push_back(channel);
    first += count;
  }
  Func last = lanes;
  for (int half = width / 2; half >= 1; half /= 2) {
    Func next(name + "_half");
    next(vars) = combine(last(vars), last(at(lane + half)));
    reduction.halves.push_back(next);
    last = next;
  }
  reduction.total = last(at(0));
  return reduction;
}

}  // namespace sepconv::generators
