#pragma once
// WHAT the depthwise stage reads: the input with zeros around it, in padded coordinates (0 is the first pad),
// widened to the type of the sums.

#include "generators/spec/lowering.h"
#include "generators/stages/element_types.h"
#include "generators/stages/pixels.h"

namespace sepconv::generators {

/// Pads of the low sides; constants, or parameters of the kernel where the problem is dynamic.
struct Pads {
  Halide::Expr top, left;
};

/// The padded input as the depthwise stage reads it.
struct PaddedInput {
  Halide::Func func;
  int phases = 1;                     // above 1: column x lies at (x / phases, x % phases) in place of x
  std::vector<Halide::RDom> columns;  // of the updates that fill it; none where it is one pure definition
  std::vector<int> vectors;           // elements that divide each of these
};

/// padded(c, x, y, n) = input(c, x - left, y - top, n), and 0 outside of the image; reads of the input are clamped into
/// it, so that a schedule may compute a larger region than the image needs.
/// @param shape     the kernel's input, whose extents a dynamic problem reads.
/// @param channels  how many channels may be asked for; those past IC repeat the last one.
Halide::Func padded_input(const Lowering& problem, const Halide::Func& input, const Halide::OutputImageParam& shape,
                          const Pads& pads, int channels, const ElementTypes& types);

/// The same in nchw where a whole row is always asked for and extents are static: zeros, and then each row of the input
/// in vectors, the last of which moves inwards (an update for those that fit, and one more for the last), so that no
/// element needs a test of its column. With a stride along columns the columns of a phase lie side by side, so that
/// vectors of output columns read vectors.
/// @param layout  of the copy; in nhwc it is transposed, and columns have no phases
/// @param lanes   the longest vector
PaddedInput padded_rows(const Lowering& problem, const Halide::Func& input, const Pads& pads, Layout layout,
                        int channels, int lanes, const ElementTypes& types);

/// The input itself in padded coordinates, for problems without any padding: no select, no clamp.
Halide::Func unpadded_input(const Lowering& problem, const Halide::Func& input, const ElementTypes& types);

}  // namespace sepconv::generators
