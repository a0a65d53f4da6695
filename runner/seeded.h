#pragma once
// Weights and inputs made from a seed: the same on every machine and compiler.

#include <cstdint>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/conv_weights.h"

namespace sepconv::runner {

/// Weights and input of a problem with static extents.
struct SeededCase {
  ConvWeights weights;
  std::vector<double> input;                  // [batch, ...] in the problem's layout; each exact in the problem's type
  std::vector<std::vector<double>> operands;  // as the input, in the shapes of operands_of(problem)
};

/// Integers so small that every sum of the problem stays below 2^24 in magnitude: with linear or ReLU epilogues a
/// kernel must then equal the reference exactly, whatever its order of summation; a 16-bit one the reference that
/// rounds where kernels do.
/// @throws std::invalid_argument where even values of -1, 0 and 1 could reach 2^24, or for dynamic extents.
SeededCase small_integers(const ConvProblem& problem, std::int64_t batch, std::uint64_t seed);

/// Whether stages and epilogues keep integers integers (no means; linear, ReLU without a slope and with whole
/// parameters), so that a kernel must be exact on small_integers.
bool exact_on_integers(const ConvProblem& problem);

/// Values in [-1, 1); weights scaled by 1 / sqrt(fan in), so that outputs are about as large as inputs. Weights of
/// 16-bit problems are not rounded to the type: kernels do that.
SeededCase real_values(const ConvProblem& problem, std::int64_t batch, std::uint64_t seed);

/// Only the input of real_values, for weights that come from elsewhere.
std::vector<double> real_input(const ConvProblem& problem, std::int64_t batch, std::uint64_t seed);

/// `count` values in [-1, 1), exact in the type.
std::vector<double> real_numbers(std::int64_t count, DataType dtype, std::uint64_t seed);

}  // namespace sepconv::runner
