#include "tools/problem_cost.h"

#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::tools {

double weight_elems(const ConvProblem& p) {
  double elems = 0;
  for (const Argument& argument : weights_of(p)) elems += static_cast<double>(elements_of(argument));
  return elems;
}

std::optional<Cost> cost_of(const ConvProblem& p) {
  if (p.is_dynamic()) return std::nullopt;
  const double input = static_cast<double>(p.IH) * p.IW * p.IC, output = static_cast<double>(p.OH()) * p.OW() * p.OC();
  const double bytes = static_cast<double>(size_bytes(p.dtype));
  return Cost{p.flops(), weight_elems(p) * bytes, (input + output) * bytes};
}

}  // namespace sepconv::tools
