#pragma once
// HOW stages that reduce lines run on a GPU: a block has threads_q lines, each of which threads_f threads share.

#include "generators/schedules/tile_gpu.h"
#include "generators/stages/channel_reduction.h"

namespace sepconv::generators {

/// The loops of a block of lines. Threads of consecutive numbers have consecutive elements in memory.
struct LineLoops {
  bool dense_line;          // the elements of a line follow each other; else those of the lines do
  Halide::VarOrRVar block;  // of the output
  Halide::Var q;            // the lines
};

/// Splits what a kernel writes: element f of line q of each image.
/// @return the loops of its blocks, for the stages inside of them
LineLoops schedule_line_output_gpu(Halide::Stage out, bool dense_line, const GpuSchedule& schedule,
                                   const Halide::Var& f, const Halide::VarOrRVar& q, const Halide::Var& q_var,
                                   const Halide::Var& n);

/// The lanes of a reduction, in shared memory.
void schedule_reduction_gpu(Halide::Func out, ChannelReduction& reduction, const GpuSchedule& schedule,
                            const LineLoops& loops);

/// A value of each line, in shared memory.
void schedule_line_value_gpu(Halide::Func out, Halide::Func value, const GpuSchedule& schedule, const LineLoops& loops);

}  // namespace sepconv::generators
