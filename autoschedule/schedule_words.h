#pragma once
// Describes a schedule of a problem: its tiles, and the register and cache sums that decided them.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "generators/spec/gpu_schedule.h"

namespace sepconv::autoschedule {

/// Lines without indent or line feed, the schedule's text first.
std::vector<std::string> schedule_words(const generators::Lowering& problem, const generators::Schedule& schedule);

/// {"target", "schedule", "registers"?: {"depthwise"?, "pointwise"?, "thread"?, "of"}, "block_bytes"?, "panel_bytes"?,
/// "shared_bytes"?, "counted"?: what estimate_gpu counts for each GPU that it knows}: bytes of the depthwise result
/// that a block keeps (known for static extents), of the pointwise weights that its inner loop reads again and again,
/// and of a GPU's shared memory.
nlohmann::ordered_json schedule_json(const generators::Lowering& problem, const generators::Schedule& schedule);

}  // namespace sepconv::autoschedule
