#pragma once
// HOW a block's input is copied for a stage that reads all channels of a pixel at once.

#include "generators/schedules/block_cpu.h"
#include "generators/stages/padding.h"

namespace sepconv::generators {

/// Copies what a block of output pixels reads, with its zeros, into a dense tile.
/// @param block    the loop over blocks
/// @param extents  output pixels of a block
void schedule_input_block(const PaddedInput& input, const Halide::Func& out, const Halide::Var& block,
                          const Lowering& problem, const BlockExtents& extents);

}  // namespace sepconv::generators
