#pragma once
// The weights of one ConvProblem in Keras' order, before packing for a row.

#include <stdexcept>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv {

/// Row-major arrays; empty where the problem has no such weight.
struct ConvWeights {
  std::vector<float> depthwise;    // [KH, KW, IC, depth_multiplier]
  std::vector<float> middle_bias;  // [IC * depth_multiplier]
  std::vector<float> pointwise;    // [IC * depth_multiplier, OC]
  std::vector<float> bias;         // [OC]
};

/// Checks that each array has exactly the elements that the problem asks for.
/// @throws std::invalid_argument naming the array, its size and the wanted shape.
void validate(const ConvWeights& weights, const ConvProblem& problem);

}  // namespace sepconv
