#pragma once
// What a GPU schedule costs, counted without running it.

#include <cstdint>
#include <string>
#include <vector>

#include "generators/spec/gpu_schedule.h"

namespace sepconv::generators {

/// Published figures of a device, but for launch_seconds.
struct GpuFigures {
  std::string name;
  int multiprocessors;
  double flops;                        // float32 multiply-adds outside of tensor cores, two operations each, a second
  double dram_bytes;                   // a second
  double l2_bytes;                     // a second, from L2 to all multiprocessors
  double l1_bytes;                     // a second, of shared memory and L1 together: 128 a clock and multiprocessor
  int threads;                         // resident on a multiprocessor
  std::int64_t shared_bytes;           // of a multiprocessor
  std::int64_t registers = 64 * 1024;  // of a multiprocessor
  double launch_seconds = 2e-6;        // assumed: from the end of one kernel to full work in the next
};

/// H100 SXM and Jetson AGX Orin 64 GB.
const std::vector<GpuFigures>& known_gpus();

struct GpuEstimate {
  double flops = 0;             // as the schedule does them: partial tiles as whole ones, repeated results each time
  double dram_bytes = 0;        // input, weights and output once; unfused, the depthwise result there and back
  double l2_bytes = 0;          // what the blocks read and write, each input element once a block
  double l1_bytes = 0;          // what the threads read and write, what a warp reads at one place once
  std::int64_t blocks = 0;      // of threads, in the kernel that has the pointwise stage
  int resident_blocks = 0;      // on one multiprocessor: the least that threads, registers and shared memory allow
  double occupancy = 0;         // resident threads, of those that a multiprocessor can have
  double seconds = 0;           // of each kernel the slowest of arithmetic, DRAM, L2 and L1, and between two a launch
  double roofline_seconds = 0;  // the least for the problem: its operations and its bytes, each once
};

/// A count, not a measurement: no latency, no bank conflicts, no launch of the first kernel. What multiprocessors do
/// counts by whole rounds of blocks.
/// @param registers  of a thread; the assembler's count where it is known, else the target's limit.
GpuEstimate estimate_gpu(const GpuSchedule& schedule, const Lowering& problem, std::int64_t batch, int registers,
                         const GpuFigures& gpu);

}  // namespace sepconv::generators
