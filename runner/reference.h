#pragma once
// The independent reference: what a ConvProblem means, in double, by naive loops straight from its definition. It
// shares no code with the generators, and says how far a kernel of the problem's type may honestly be from it.

#include <cstdint>
#include <span>
#include <vector>

#include "runner/activation_reference.h"
#include "sepconv/conv_problem.h"
#include "sepconv/detail/conv_weights.h"

namespace sepconv::runner {

/// The exact result and, element by element, how far a kernel may be from it.
struct ReferenceOutput {
  std::vector<double> values;  // [N, OH, OW, OC] or [N, OC, OH, OW], as problem.layout says; glu halves its axis
  /// Same shape: 4 * eps * sqrt(terms) * sum|x * w| with the accumulator's eps, carried through both stages and through
  /// the activations; terms: those of the two sums one after the other, constants included. In 16-bit types also half
  /// an ulp at each value that is stored in the type: the depthwise result, the middle value (both carried through the
  /// pointwise sum: at most the sum of what each can do, and at most 5 times the root of the sum of squares, as
  /// roundings are independent) and the output. Without meaning where the value is not finite.
  std::vector<double> limits;
};

/// The tensors that steps of an epilogue read besides the value, dense.
using Operands = std::vector<std::vector<double>>;

/// Elements of one image of the input, and of the layer's output, where glu halves its axis.
std::int64_t input_elems(const ConvProblem& problem);
std::int64_t output_elems(const ConvProblem& problem);

/// Runs the problem in double.
/// @param weights  rounded to a 16-bit problem's type first, as kernels' are.
/// @param input    batch images in the problem's layout; rounded to the problem's type first.
/// @param threads  number of threads that share the output rows; the result does not depend on it.
/// @param operands  of the epilogue's steps, in order: batch images each, as operands_of(problem); rounded as the
/// input.
/// @throws std::invalid_argument for dynamic extents, weights that do not fit, another number of elements of the input
/// or of an operand, or an odd axis of glu.
std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const double> input, int threads = 1, const Operands& operands = {});
ReferenceOutput reference_with_limits(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads = 1, const Operands& operands = {});

/// The same in double, but rounded to a 16-bit problem's type wherever a kernel stores a value in it: what such a
/// kernel must compute exactly when its float32 sums are exact.
std::vector<double> reference_rounded(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                                      std::span<const double> input, int threads = 1, const Operands& operands = {});

/// reference() of float32 values.
std::vector<double> reference(const ConvProblem& problem, const ConvWeights& weights, std::int64_t batch,
                              std::span<const float> input, int threads = 1);

}  // namespace sepconv::runner
