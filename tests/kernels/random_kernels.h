#pragma once
// Problems and schedules drawn from a seed: the same on every machine.

#include <cstdint>
#include <vector>

#include "generators/spec/schedule.h"
#include "sepconv/conv_problem.h"

namespace sepconv::test {

/// splitmix64. The standard library's distributions differ between implementations.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  /// From low to high, both included.
  int between(int low, int high);
  bool chance(double probability);
  template <class T>
  T one_of(const std::vector<T>& values) {
    return values[next() % values.size()];
  }

 private:
  std::uint64_t state_;
};

/// The environment variable SEPCONV_RANDOM_SEED, or SEPCONV_RANDOM_COUNT: a whole number; `otherwise` where it is
/// unset.
/// @throws std::invalid_argument naming the variable and its value, where that is no such number.
std::uint64_t random_seed(std::uint64_t otherwise);
std::uint64_t random_count(std::uint64_t otherwise);

/// A valid problem with static extents, whatever the op, layout, window, steps, pads and epilogues.
ConvProblem random_problem(Draw& draw);

/// A schedule with the parts that the problem needs and values near those that matter; reject_reason may refuse it.
generators::CpuSchedule random_schedule(const ConvProblem& problem, const generators::Target& target, Draw& draw);

}  // namespace sepconv::test
