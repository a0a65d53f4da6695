#pragma once
// Where the driver looks for a schedule before it asks the rules: a lockfile, or a tuner's candidates.

#include <optional>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"

namespace sepconv::generators {

class ScheduleSource {
 public:
  virtual ~ScheduleSource() = default;
  /// The schedule on record for the problem on the target, or nothing.
  virtual std::optional<Schedule> find(const ConvProblem& problem, const Target& target) const = 0;
};

}  // namespace sepconv::generators
