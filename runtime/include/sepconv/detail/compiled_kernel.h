#pragma once
// One kernel of a generated library: its function and everything that the runtime needs to call it.

#include <cstddef>
#include <cstdint>

#include "sepconv/detail/kernel_abi.h"

namespace sepconv {

/// CPU features that a kernel may require, as a bit mask. Bits are stable: they are part of the ABI. Bits from 32 on
/// are devices, which no CPU has: only a GpuLayer (gpu.h) calls such kernels. Names and detection are in
/// core/feature_table.h.
enum CpuFeature : std::uint64_t {
  kCpuSse41 = 1u << 0,
  kCpuAvx = 1u << 1,
  kCpuF16c = 1u << 2,
  kCpuFma = 1u << 3,
  kCpuAvx2 = 1u << 4,
  kCpuAvx512Skylake = 1u << 5,  // F, CD, VL, DQ, BW
  kCpuAvx512Bf16 = 1u << 6,
  kCpuBmi = 1u << 7,   // BMI1, BMI2, LZCNT, MOVBE, POPCNT: compilers assume them with AVX2
  kCpuNeon = 1u << 8,  // Advanced SIMD of AArch64
  kCpuFp16 = 1u << 9,  // float16 arithmetic: FEAT_FP16
  kCpuDotProd = 1u << 10,
  kCpuSve2 = 1u << 11,
  kDeviceCuda50 = std::uint64_t{1} << 32,  // CUDA compute capability 5.0 or higher
  kDeviceCuda70 = std::uint64_t{1} << 33,
  kDeviceCuda80 = std::uint64_t{1} << 34,
  kDeviceCuda86 = std::uint64_t{1} << 35,
  kDeviceOpenCl = std::uint64_t{1} << 36,
};

/// Largest scratch of a kernel; beyond it, sizes would overflow in the kernel's own arithmetic.
inline constexpr std::uint64_t kMaxScratchBytes = (std::uint64_t{1} << 31) - 1;

/// Plain data, written into generated headers. Texts are those of to_text(ConvProblem) and of the schedule.
struct CompiledKernel {
  std::uint32_t abi;   // kKernelAbi
  const char* symbol;  // name of the function in the object
  KernelFunction function;
  const char* problem;              // what it computes
  const char* target;               // where it runs: a name from the target table, "x86-64-avx2"
  const char* schedule;             // how it runs
  std::uint64_t required_features;  // CpuFeature bits
  std::int32_t rank;                // preference among kernels of one problem: the highest that can run wins
  std::int32_t depthwise_panel;     // channels per packed depthwise panel: [C / panel][KH][KW][m][panel], zero filled
  std::int32_t pointwise_panel;     // outputs per packed pointwise panel: [OC / panel][m][IC][panel], zero filled
  std::int32_t flat_output;         // 1: the output buffer's dimensions are (C, OH*OW, N) instead of (C, OW, OH, N)
  // Both at most kMaxScratchBytes.
  std::uint64_t call_scratch_bytes;  // allocated once per call, outside the parallel tasks
  std::uint64_t task_scratch_bytes;  // allocated by each parallel task
};

/// A layer of the model that a library was compiled from: its name, and the problem that its kernels compute.
struct LayerEntry {
  const char* name;
  const char* problem;
};

/// The kernels of a library; a generated header's kernels() returns it.
struct KernelTable {
  const char* library;
  const CompiledKernel* kernels;
  std::size_t kernel_count;
  const LayerEntry* layers;
  std::size_t layer_count;
};

}  // namespace sepconv
