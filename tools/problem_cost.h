#pragma once
// What one image costs at least.

#include <optional>

#include "sepconv/conv_problem.h"

namespace sepconv::tools {

struct Cost {
  double flops = 0;
  double weight_bytes = 0;
  double activation_bytes = 0;  // input read once and output written once
  double intensity() const { return flops / (weight_bytes + activation_bytes); }
};

/// Elements of all weights.
double weight_elems(const ConvProblem& problem);

/// Nothing where the extents are dynamic.
std::optional<Cost> cost_of(const ConvProblem& problem);

}  // namespace sepconv::tools
