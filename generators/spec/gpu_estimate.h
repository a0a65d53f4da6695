#pragma once
// What a GPU schedule costs, counted without running it.

#include <cstdint>
#include <string>
#include <vector>

#include "gpu_schedule.h"

namespace sepconv {

/// Published figures of a device.
struct GpuFigures {
  std::string name;
  int multiprocessors;
  double flops;                        // float32 multiply-adds outside of tensor cores, two operations each, a second
  double dram_bytes;                   // a second
  double l2_bytes;                     // a second, from L2 to all multiprocessors
  int threads;                         // resident on a multiprocessor
  std::int64_t shared_bytes;           // of a multiprocessor
  std::int64_t registers = 64 * 1024;  // of a multiprocessor
};

/// H100 SXM and Jetson AGX Orin 64 GB.
const std::vector<GpuFigures>& known_gpus();

struct GpuEstimate {
  double flops = 0;             // as the schedule does them: a depthwise result once for each block of channels
  double dram_bytes = 0;        // input, weights and output once
  double l2_bytes = 0;          // what the blocks read and write, each input element once a block
  std::int64_t blocks = 0;      // of threads
  int resident_blocks = 0;      // on one multiprocessor: the least that threads, registers and shared memory allow
  double occupancy = 0;         // resident threads, of those that a multiprocessor can have
  double seconds = 0;           // the slowest of arithmetic, DRAM and L2; arithmetic by whole rounds of blocks
  double roofline_seconds = 0;  // the least for the problem: its operations and its bytes, each once
};

/// A count, not a measurement: no latency, no bank conflicts, no launch.
/// @param registers  of a thread; the assembler's count where it is known, else the target's limit.
GpuEstimate estimate_gpu(const GpuSchedule& schedule, const ConvProblem& problem, std::int64_t batch, int registers,
                         const GpuFigures& gpu);

}  // namespace sepconv
