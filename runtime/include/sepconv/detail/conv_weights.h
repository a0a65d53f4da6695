#pragma once
// The weights of one ConvProblem in Keras' order, before packing for a row.

#include <stdexcept>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/weight_array.h"

namespace sepconv {

/// Row-major arrays; empty where the problem has no such weight. Kernels of a 16-bit type round them to it.
struct ConvWeights {
  WeightArray depthwise;    // [KH, KW, IC, depth_multiplier]
  WeightArray middle_bias;  // [IC * depth_multiplier]
  WeightArray pointwise;    // [IC * depth_multiplier, OC]
  WeightArray bias;         // [OC]
};

/// Checks that each array has exactly the elements that the problem asks for.
/// @throws std::invalid_argument naming the array, its size and the wanted shape.
void validate(const ConvWeights& weights, const ConvProblem& problem);

}  // namespace sepconv
