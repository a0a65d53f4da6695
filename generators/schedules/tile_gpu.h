#pragma once
// How the threads of a GPU block share a tile of output channels x pixels.

#include <vector>

#include "Halide.h"
#include "generators/spec/gpu_schedule.h"
#include "sepconv/conv_problem.h"

namespace sepconv::generators {

/// The loops of an output whose blocks make tiles.
struct GpuLoops {
  Halide::Var f_thread{"f_thread"}, q_thread{"q_thread"}, f_block{"f_block"}, q_block{"q_block"};
};

/// Splits what a kernel writes, [channels x pixels] of each image, into blocks and threads. Partial tiles are guarded
/// by the thread where the extent is a multiple of its part, else by the element. Blocks of the same pixels follow each
/// other, so that they find their input in L2.
/// @param q       the loop over pixels; an RVar where the output's rows are apart (nhwc).
/// @param inside  further axes, each of which a thread loops over.
void schedule_output_gpu(Halide::Stage out, Layout layout, int channels, int pixels, const GpuSchedule& schedule,
                         const Halide::Var& f, const Halide::VarOrRVar& q, const Halide::Var& n, const GpuLoops& loops,
                         const std::vector<Halide::VarOrRVar>& inside = {});

/// Distributes a stage that covers a whole tile over the same threads as the output: vectors along the dense axis, the
/// rest unrolled.
/// @param reduction  loops inside the threads', innermost first, then those outside them.
void schedule_tile_gpu(Halide::Stage stage, Layout layout, const GpuSchedule& schedule, const Halide::Var& f,
                       const Halide::Var& q, const GpuLoops& loops, const std::vector<Halide::VarOrRVar>& inside = {},
                       const std::vector<Halide::VarOrRVar>& outside = {});

/// Distributes the elements of a Func of `columns` x `rows` over all threads of a block; the threads of a warp take
/// consecutive columns.
/// @param vector  columns that a thread computes together.
/// @return the loop over a thread's vectors.
Halide::Var schedule_flat_gpu(Halide::Func func, Layout layout, const GpuSchedule& schedule, const Halide::Var& column,
                              int columns, const Halide::Var& row, int rows, int vector);

}  // namespace sepconv::generators
