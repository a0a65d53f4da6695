#pragma once
// HOW rows of pixels are copied to flat ones.

#include "spec/schedule.h"
#include "stages/pixels.h"

namespace sepconv {

/// @param dense  its flat pixels are split into rows.y and rows.x, the loops that remain inside of its channel loop.
void schedule_dense_cpu(Halide::Func dense, const ConvProblem& problem, const BlockCpuSchedule& schedule,
                        const Target& target, const Pixels& flat, const Pixels& rows);

}  // namespace sepconv
