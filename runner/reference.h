#pragma once
// The independent reference: what a ConvProblem means, in double, by naive loops straight from its definition. It
// shares no code with the generators, and says how far a float32 kernel may honestly be from it.

#include <cstdint>
#include <span>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/conv_weights.h"

namespace sepconv {

/// The exact result and, element by element, how far a float32 kernel may be from it.
struct ReferenceOutput {
  std::vector<double> values;  // [N, OH, OW, OC] or [N, OC, OH, OW], as problem.layout says
  std::vector<double> limits;  // same shape: 4 * eps * sqrt(terms) * sum|x * w|, carried through both stages and
                               // through the activations; terms: those of the two sums one after the other, biases
                               // included. Without meaning where the value is not finite
};

/// Elements of one image.
std::int64_t input_elems(const ConvProblem& problem);
std::int64_t output_elems(const ConvProblem& problem);

/// Runs the problem in double.
/// @param input    batch images in the problem's layout, float32.
/// @param threads  output rows are shared among so many threads; the result does not depend on it.
/// @throws std::invalid_argument for dynamic extents, weights that do not fit, or another number of input elements.
std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads = 1);
ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const float> input, int threads = 1);

/// The activation in double, as Keras defines it. NaN gives NaN wherever the formula's arithmetic does.
double activate(const Activation& activation, double x);

}  // namespace sepconv
