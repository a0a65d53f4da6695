#include "problem_cost.h"

namespace sepconv::tools {

double weight_elems(const ConvProblem& p) {
  double elems = 0;
  if (p.has_depthwise()) elems += static_cast<double>(p.KH) * p.KW * p.middle_channels();
  if (p.op == ConvOp::separable && p.middle.bias) elems += p.middle_channels();
  if (p.has_pointwise()) elems += static_cast<double>(p.middle_channels()) * p.OC;
  return elems + (p.output.bias ? p.OC : 0);
}

std::optional<Cost> cost_of(const ConvProblem& p) {
  if (p.is_dynamic()) return std::nullopt;
  const double input = static_cast<double>(p.IH) * p.IW * p.IC, output = static_cast<double>(p.OH()) * p.OW() * p.OC;
  const double bytes = static_cast<double>(size_bytes(p.dtype));
  return Cost{p.flops(), weight_elems(p) * bytes, (input + output) * bytes};
}

}  // namespace sepconv::tools
