#pragma once
// HOW rows of pixels are copied to flat ones.

#include "generators/schedules/block_cpu.h"
#include "generators/spec/schedule.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// The loops that the copy is given; panels of channels outermost, so that a panel's rows are copied while in L1.
struct DenseLoops {
  Halide::Var c, m;                // channel within a panel, multiplier
  std::vector<Halide::Var> outer;  // outside the block or image, innermost first
};

/// @param dense   its flat pixels already split into rows.y and rows.x.
/// @param c_tile  channels of a panel.
/// @return the loop over panels, at which the rows are to be computed.
Halide::Var schedule_dense_cpu(Halide::Func dense, const Lowering& problem, int c_tile, const Pixels& rows,
                               const DenseLoops& loops);

}  // namespace sepconv::generators
