#pragma once
// The weights of one ConvProblem in Keras' order, before packing for a kernel.

#include <initializer_list>
#include <stdexcept>
#include <utility>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/kernel_arguments.h"
#include "sepconv/detail/weight_array.h"

namespace sepconv {

/// One row-major array for each argument of weights_of(problem), in that order: for each stage its weights
/// (depthwise: [KH, KW, IC, depth_multiplier]; conv: [KH, KW, IC, OC]), then the constants of its steps ([OC]).
/// Kernels of a 16-bit type round them to it.
struct ConvWeights {
  ConvWeights() = default;
  ConvWeights(std::initializer_list<WeightArray> given) : arrays(given) {}
  explicit ConvWeights(std::vector<WeightArray> given) : arrays(std::move(given)) {}

  std::vector<WeightArray> arrays;
};

/// Checks that each weight of the problem has an array with exactly the right number of elements.
/// @throws std::invalid_argument naming the array, its size and the expected shape.
void validate(const ConvWeights& weights, const ConvProblem& problem);

}  // namespace sepconv
