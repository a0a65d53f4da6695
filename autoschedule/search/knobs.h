#pragma once
// The fields of a schedule as a search sees them; spec/schedule_fields.h describes them.

#include <functional>
#include <string>
#include <vector>

#include "generators/spec/gpu_schedule.h"
#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule {

/// A field of a schedule by its name in the text form: "pw.mr", "gpu.tf".
struct Knob {
  std::string name;
  std::vector<int> (*tried)(const generators::Lowering&);
  std::function<int()> value;
  std::function<void(int)> set;
};

/// All fields, in the order of the text form. They refer to `schedule`.
std::vector<Knob> knobs(generators::Schedule& schedule);

/// Values that a field may take, ascending; at least one. What does not fit the other fields is left to reject_reason.
std::vector<int> knob_values(const Knob& knob, const generators::Lowering& problem);

/// Makes fields agree that others decide: the columns of a block, and the sides of a micro-tile.
void settle(generators::Schedule& schedule, const generators::Lowering& problem);

}  // namespace sepconv::autoschedule
