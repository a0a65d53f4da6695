#pragma once
// The numbers of a schedule that a search chooses, and the values worth choosing from. A new field of a schedule needs
// one more line in knob_values.

#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "spec/gpu_schedule.h"
#include "spec/target.h"

namespace sepconv {

/// A field of a schedule by its name in the text form: "pw.mr", "gpu.tf".
struct Knob {
  std::string name;
  int* value;
};

/// All fields, in the order of the text form. They refer to `schedule`.
std::vector<Knob> knobs(Schedule& schedule);

/// Values that a field may take, ascending; at least one. What does not fit the other fields is left to reject_reason.
std::vector<int> knob_values(const std::string& name, const Lowering& problem);

/// Makes fields agree that others decide: the columns of a block, and the sides of a micro-tile.
void settle(Schedule& schedule, const Lowering& problem);

}  // namespace sepconv
