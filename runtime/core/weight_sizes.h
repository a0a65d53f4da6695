#pragma once
// How many weights a problem has.

#include <cstddef>

#include "sepconv/conv_problem.h"

namespace sepconv::detail {

/// Elements of each array of ConvWeights; 0 where the problem has no such weight.
struct WeightSizes {
  std::size_t depthwise = 0, middle_bias = 0, pointwise = 0, bias = 0;
};

WeightSizes weight_sizes(const ConvProblem& problem);

}  // namespace sepconv::detail
