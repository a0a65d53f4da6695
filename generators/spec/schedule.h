#pragma once
// HOW a kernel runs on a CPU: plain data with one text form, which is also the GeneratorParam, the record key and part
// of the symbol. Counts are elements unless a name says otherwise.

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "generators/spec/integers.h"
#include "generators/spec/lowering.h"

namespace sepconv::generators {

/// Changes when a text of an older version would mean another schedule; part of the lockfile's keys.
inline constexpr int kScheduleVersion = 2;

/// How the pixels of a block are numbered, and how a separable problem's depthwise result gets there. Flat pixels are
/// y * OW + x. Copies cost time; storing each at its place costs registers for the addresses.
enum class PixelOrder {
  rows,         // tiles end with their row
  flat_copied,  // tiles run across row ends; a panel's rows are copied
  flat_direct,  // the same; each result is stored at its place at once
};

/// The blocks that parallel tasks work on, and how the two stages meet in them. Where the depthwise result lives, and
/// how its pixels are numbered, are two fields, since each value of one goes with each of the other.
struct BlockCpuSchedule {
  bool fuse = true;  // separable: the depthwise result of one block is in scratch, else that of the whole image
  PixelOrder pixels = PixelOrder::rows;
  int oh_block = 1;  // output rows of a block
  int ow_block = 1;  // output columns of a block: all of them when flat, else a multiple of the register tile's
  int spread = 0;    // nhwc: elements between the channels of two pixels in scratch, so that caches do not see them in
                     // one set

  /// Whether tiles run across row ends; a block is then oh_block whole rows.
  bool flat() const { return pixels != PixelOrder::rows; }
};

/// The depthwise stage.
struct DepthwiseCpuSchedule {
  int c_tile = 8;   // channels of a packed panel and a register tile: vectors along channels in nhwc, or with vector_c
  int ow_tile = 4;  // output columns whose sums stay in registers: vectors along columns in nchw
  bool pad_tile = true;  // the block's input is copied into a zero-padded tile, else bounds are checked at each tap
  int k_unroll = 0;      // taps of a row that are unrolled: a divisor of KW; 0: all of few, one of many
  int c_block = 0;  // nhwc: channels that are computed tile of columns by tile of columns, a multiple of c_tile, so
                    // that whole cache lines are used at once; 0: a panel's whole block before the next panel's
  bool vector_c = false;  // separable in nchw: the input is transposed as it is copied; vectors lie along channels
};

/// The pointwise stage: the micro-tile of the GEMM [pixels x K] * [K x OC].
struct PointwiseCpuSchedule {
  int mr = 6;            // pixels
  int nr = 16;           // output channels of a packed panel
  int k_unroll = 2;      // reduction steps unrolled
  bool vector_f = true;  // vectors along output channels, else along pixels: in nchw only, where true scatters stores
};

/// A whole schedule; schedule_fields.h describes its fields. The parts that the problem's op does not have are absent
/// from the text.
struct CpuSchedule {
  BlockCpuSchedule block;
  std::optional<DepthwiseCpuSchedule> depthwise;
  std::optional<PointwiseCpuSchedule> pointwise;
};

/// "block_fuse1_flat1_oh7_ow56.dw_c8_ow4_pad1.pw_mr6_nr16_ku2_vf1"
std::string to_text(const CpuSchedule& schedule);

/// Reads what to_text wrote: every field of a part once, in order.
/// @throws std::invalid_argument naming the bad part or field.
CpuSchedule schedule_from_text(std::string_view text);

/// Why this schedule cannot or should not serve the problem on the target (a missing part, a tile that is no multiple
/// of the lanes, accumulators that do not fit the registers), or nothing. The tuner prunes with it, the generator
/// refuses with it, the tests enumerate it.
std::optional<std::string> reject_reason(const CpuSchedule& schedule, const Lowering& problem);

/// The layout of what lies between the input and the output of a problem with a depthwise stage: that of the problem,
/// or nhwc where the schedule transposes both.
Layout inner_layout(const DepthwiseCpuSchedule& schedule, const Lowering& problem);

/// Elements of the vectors that a tile of `tile` elements is computed in: the largest power of two that divides it, at
/// most the target's lanes.
int vector_elems(int tile, const Target& target);

/// Registers of a stage's innermost tile: vectors x scalars sums, and what is multiplied into them.
struct RegisterTile {
  int vectors = 1, scalars = 1, operands = 0;
  int sums() const { return vectors * scalars; }
  int total() const { return sums() + operands; }
};
RegisterTile register_tile(const DepthwiseCpuSchedule& schedule, const Lowering& problem);
RegisterTile register_tile(const PointwiseCpuSchedule& schedule, const Lowering& problem);

/// Elements of the largest vector that an extent holds: a power of two, at most the target's lanes.
int vector_below(int extent, const Target& target);

/// The rule for problems that no table or lockfile knows: picks tiles from lanes, registers and caches.
CpuSchedule default_cpu_schedule(const Lowering& problem);

/// The schedule with blocks sized for the threads of a call, in rows, or in columns if there is one row: equal work for
/// each thread, and one block if the work is not worth a second thread. For one image; batches have more blocks than
/// threads anyway. Unchanged for one thread, dynamic extents and unfused stages.
CpuSchedule blocks_for_threads(const CpuSchedule& schedule, const Lowering& problem, int threads);

}  // namespace sepconv::generators
