#pragma once
// HOW a kernel runs on a GPU: plain data with one text form, like schedule.h for CPUs. Counts are elements.

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "generators/spec/schedule.h"
#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"

namespace sepconv::generators {

/// A block of threads makes a tile of output channels x pixels, numbered y * OW + x; each thread keeps its part of the
/// tile's sums in registers. With a pointwise stage the block walks over the input channels in steps: its threads put
/// the weights of a step and the depthwise results of its pixels into shared memory, and then each adds the step's
/// products. Fused, the threads make those depthwise results for themselves; else a kernel of its own, with the tiles
/// of depthwise_tiles(), has left them in device memory.
struct GpuSchedule {
  bool fuse = true;    // separable: one kernel, else one for each stage
  int threads_f = 32;  // threads of a block along output channels
  int threads_q = 8;   // threads of a block along pixels
  int tile_f = 4;      // output channels of a thread; vectors in nhwc
  int tile_q = 8;      // pixels of a thread; vectors in nchw
  int k_step = 16;     // input channels of a step; 0 without a pointwise stage

  int block_f() const { return threads_f * tile_f; }
  int block_q() const { return threads_q * tile_q; }
  int threads() const { return threads_f * threads_q; }
};

/// "gpu_fuse1_tf32_tq8_f4_q8_k16"
std::string to_text(const GpuSchedule& schedule);

/// Reads what to_text wrote.
/// @throws std::invalid_argument naming the bad field.
GpuSchedule gpu_schedule_from_text(std::string_view text);

/// Elements of the widest load and store along an axis of which a thread has `tile` and the problem `extent`: 4, 2
/// or 1.
int gpu_vector(int tile, int extent);

/// Elements that the rows in shared memory are a multiple of: each is read in vectors, at aligned places.
inline constexpr int kSharedVector = 4;

/// Pixels between the channels of a step in shared memory: those of the block, and in nhwc, where a warp's threads
/// write consecutive channels, one vector more, so that fewer of them meet in a bank.
int shared_pitch(const GpuSchedule& schedule, Layout layout);

/// Bytes of shared memory that a block uses.
std::int64_t shared_bytes(const GpuSchedule& schedule, const Lowering& problem);

/// Minimum of 32-bit registers that a thread needs: its sums, one step's operands and addresses. An estimate; tests
/// check the assembler's count.
int register_estimate(const GpuSchedule& schedule);

/// How threads share the depthwise stage alone: vectors along the axis that is dense in memory, few pixels and many
/// threads, since no operand is shared. For depthwise problems this is the whole schedule.
GpuSchedule depthwise_tiles(const Lowering& problem);

/// How threads share lines that are reduced: the lanes of a line are those along channels. For norms and activations
/// along an axis this is the whole schedule.
GpuSchedule line_tiles(const Lowering& problem);

/// Why this schedule cannot serve the problem on the target, or nothing. Problems: static extents, and not float64.
std::optional<std::string> reject_reason(const GpuSchedule& schedule, const Lowering& problem);

/// The rule that picks a schedule: of the tiles that fit, fused and not, those that estimate_gpu finds fastest on the
/// two known_gpus(), whatever the target's device: an H100 with batches of 16 and a Jetson AGX Orin with single images.
/// @throws std::invalid_argument for a problem that no GPU schedule serves, with the reason.
GpuSchedule default_gpu_schedule(const Lowering& problem);

/// A schedule for any target, of the kind that its device takes.
using Schedule = std::variant<CpuSchedule, GpuSchedule>;

std::string to_text(const Schedule& schedule);
/// Reads a schedule of the kind that the target's device takes.
/// @throws std::invalid_argument naming the bad part or field.
Schedule schedule_from_text(std::string_view text, const Target& target);
std::optional<std::string> reject_reason(const Schedule& schedule, const Lowering& problem);
/// The CPU's of that name; of a GPU, the schedule as it is.
Schedule blocks_for_threads(const Schedule& schedule, const Lowering& problem, int threads);
/// The rule of the target's device.
/// @param threads  of a call, on a CPU
Schedule default_schedule(const Lowering& problem, int threads = 1);

}  // namespace sepconv::generators
