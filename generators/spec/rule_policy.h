#pragma once
// A target's settings for the rules that pick CPU schedules (schedules/rules_*.cpp) and for the search. Fields say what
// a rule does, not which CPU does it, so a new target needs a new entry but no new rule. The defaults suit every
// CPU.

#include <cstdint>
#include <limits>
#include <span>

namespace sepconv::generators {

/// Sums of the pointwise stage that stay in registers: whole vectors along one side, single elements along the other.
struct MicroTile {
  int vectors, scalars;
};

/// Pixels of a row up to which tiles and blocks of single rows are worth while on CPUs with many registers.
inline constexpr int kNarrowImage = 32;

/// Channels of the input of a network's first convolution, at most.
inline constexpr int kStemChannels = 4;

/// Problems that may have their own micro-tiles.
enum class TileCase : std::uint8_t {
  any,
  nchw,
  dynamic,  // an extent is known only at run time
  stem,     // a conv of at most kStemChannels channels, whose taps are unrolled
};

/// One line of a target's table of micro-tiles. The first line that fits a problem is the one used.
struct MicroTiles {
  std::span<const MicroTile> tiles;  // in order of preference; the last one serves where none fits
  TileCase problems = TileCase::any;
  int most_terms = std::numeric_limits<int>::max();  // of a sum of the pointwise stage
  int least_terms = 0;
};

/// When the depthwise stage reads the input itself rather than a zero-padded copy of each panel (nhwc).
enum class DirectInput : std::uint8_t {
  never,
  few_taps,   // windows of at most 9 taps, in layers of few channels or with an input that L2 does not hold
  many_taps,  // also most windows with more taps, dilated windows without a pointwise stage, and many channels
};

/// Depthwise tiles of one vector of channels by more than the usual four columns (nhwc).
enum class RowTiles : std::uint8_t {
  none,
  sevens,    // 7 columns, in depthwise layers whose rows are a multiple of 7
  divisors,  // 5 to 14 columns that divide the row
};

struct RulePolicy {
  std::span<const MicroTiles> micro_tiles;
  int most_scalars = 12;     // the most single elements of a micro-tile that a search tries
  double load_cost = 0;      // of a micro-tile's load from L1, in multiply-adds
  double l2_load_cost = 0;   // of a load of weights whose panel takes more than half of L1
  double partial_tiles = 1;  // factor of the cost of tiles that do not divide the pixels
  int pointwise_unroll = 2;  // steps of the reduction (pw.ku)
  DirectInput direct_input = DirectInput::never;
  RowTiles row_tiles = RowTiles::none;
  bool exact_row_tiles = false;     // rows over kNarrowImage are tiled one by one only where tiles fill them exactly:
                                    // the guarded stores of a partial tile cost more than tiles across row ends
  bool channel_blocks = false;      // a stage that reads the input takes some channels at a time (dw.cb), not all
  bool wide_columns_nchw = false;   // depthwise tiles of up to 7 vectors where they divide the row
  bool transposes_nchw = false;     // small images of many channels are computed as in nhwc (dw.vc)
  bool wide_single_pixels = false;  // a micro-tile of one pixel has up to 6 vectors of output channels
  bool whole_tiles_of_one_row = false;  // images of height 1 are cut into blocks of equally many whole tiles
  bool reuses_weights = false;          // blocks are large where L2 cannot keep the weights of the pointwise stage
  bool spreads_pixels = false;          // pixels in scratch are kept from lying multiples of 2 KiB apart (block.spread)
};

}  // namespace sepconv::generators
