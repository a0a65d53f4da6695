#pragma once
// Estimates the cost of a GPU schedule without running it.

#include <cstdint>
#include <string>
#include <vector>

#include "generators/spec/gpu_schedule.h"

namespace sepconv::generators {

/// Published figures of a device, except launch_seconds.
struct GpuFigures {
  std::string name;
  int multiprocessors;
  double flops;                        // float32 multiply-adds outside tensor cores, two operations each, per second
  double dram_bytes;                   // per second
  double l2_bytes;                     // per second, from L2 to all multiprocessors
  double l1_bytes;                     // per second, shared memory and L1 together: 128 per clock and multiprocessor
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
  double l2_bytes = 0;          // reads and writes of the blocks, each input element once per block
  double l1_bytes = 0;          // reads and writes of the threads; a warp's reads of one place count once
  std::int64_t blocks = 0;      // of threads, in the kernel that has the pointwise stage
  int resident_blocks = 0;      // per multiprocessor: the smallest that threads, registers and shared memory allow
  double occupancy = 0;         // resident threads, of those that a multiprocessor can have
  double seconds = 0;           // of each kernel the slowest of arithmetic, DRAM, L2 and L1, and between two a launch
  double roofline_seconds = 0;  // minimum for the problem: its operations and its bytes, each once
};

/// A count, not a measurement: no latency, no bank conflicts, no launch of the first kernel. What multiprocessors do
/// counts by whole rounds of blocks.
/// @param registers  per thread; the assembler's count if known, else the target's limit.
GpuEstimate estimate_gpu(const GpuSchedule& schedule, const Lowering& problem, std::int64_t batch, int registers,
                         const GpuFigures& gpu);

}  // namespace sepconv::generators
