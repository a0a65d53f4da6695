#pragma once
// The parts of the rule that picks a CPU schedule for a problem that no table or lockfile knows. What differs
// between CPUs is in the target's RulePolicy.

#include "generators/spec/schedule.h"

namespace sepconv::generators {

// A dynamic problem's schedule is made for an image of a middling size.
inline int middling_rows(const Lowering& p) { return p.dynamic_h() ? 8 : p.OH(); }
inline int middling_columns(const Lowering& p) { return p.dynamic_w() ? 64 : p.OW(); }

/// Rows of a block for each row of its input that the next block copies too.
constexpr int kRowsForEachShared = 4;

inline bool dilated(const Lowering& p) { return p.window.dilation_h * p.window.dilation_w > 1; }

constexpr double kWorthThreads = 4e7;  // operations: some 500 microseconds on one core

// rules_blocks.cpp

/// Rows of blocks of nearly equal size, with at most `most` rows.
int even_rows(int rows, std::int64_t most);

struct BlockRows {
  int rows = 1;
  double cost = 0;  // time relative to that of computing each pixel once in one block
};

/// Rows of a block of whole rows of flat pixels. Aims for few wasted pixels in partial tiles and a partial last block,
/// a depthwise result within L2, or within part of it if that costs nothing, and several blocks only if the work is
/// worth several threads.
BlockRows flat_block_rows(const Lowering& p, int mr);

/// Rows of a block that reads the input itself: a depthwise result that leaves room in L1, but at least two rows, which
/// share inputs.
int rows_of_direct_block(const Lowering& p);

/// Columns of a block of one row, in whole tiles of `mr` that leave no partial block.
int columns_of_one_row(const Lowering& p, int mr);

// rules_conv.cpp

/// The schedule of a conv whose window has several taps.
CpuSchedule conv_rule(const Lowering& p);

// rules_pixels.cpp

/// The schedule of a stage that has no window.
CpuSchedule pixels_rule(const Lowering& p);

// rules_pointwise.cpp

/// The tile that wastes the fewest sums. `columns`: of a block, or of the image where it has one row, if not flat.
MicroTile best_micro_tile(const Lowering& p, bool flat, int columns);

/// True where rows of the image are whole micro-tiles of `mr` pixels, or nearly so.
bool rows_fit_tiles(const Lowering& p, int mr);

/// @param pixels    of a block
/// @param vector_f  vectors along output channels
PointwiseCpuSchedule pointwise_rule(const Lowering& p, const MicroTile& tile, int pixels, bool vector_f);

// rules_depthwise.cpp

/// True where the depthwise stage should read the input itself rather than a copy of each panel: few taps to test for
/// the border, and rows of all channels that L2 holds, in layers of few channels or of an input that L2 does not hold.
bool reads_input(const Lowering& p);

/// @param columns  of a block
/// @param direct   the stage reads the input itself
/// @param copied   its rows are copied, a panel at a time
DepthwiseCpuSchedule depthwise_rule(const Lowering& p, int columns, bool direct, bool copied);

}  // namespace sepconv::generators
