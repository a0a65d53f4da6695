#pragma once
// The one table of CPU and device features. A new feature is a bit of CpuFeature (compiled_kernel.h) and a line here:
// its detection, its name in messages and the assembler's name for it in tests all come from this table.

#include <cstdint>

#include "sepconv/detail/compiled_kernel.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#endif

namespace sepconv::detail {

// F is called as f(bit, name, assembler, present). `assembler` is what GNU as (x86) or LLVM (ARM) calls the feature.
// `present` says whether a CPU has it, and takes the CPU as the cpu_features library describes it: X86Features (with
// `lzcnt` added, see cpu_features.cpp) or Aarch64Features. Features stand before those that imply them.

template <class F>
constexpr void visit_x86_features(F&& f) {
  f(kCpuSse41, "sse4.1", "sse4.1", [](const auto& cpu) { return cpu.sse4_1; });
  f(kCpuAvx, "avx", "avx", [](const auto& cpu) { return cpu.avx; });
  // F16C has VEX encodings only: it needs what AVX needs of the system.
  f(kCpuF16c, "f16c", "f16c", [](const auto& cpu) { return cpu.f16c && cpu.avx; });
  f(kCpuFma, "fma", "fma", [](const auto& cpu) { return cpu.fma3; });
  f(kCpuAvx2, "avx2", "avx2", [](const auto& cpu) { return cpu.avx2; });
  f(kCpuAvx512Skylake, "avx512 (f, cd, vl, dq, bw)", "avx512f+avx512cd+avx512vl+avx512dq+avx512bw",
    [](const auto& cpu) { return cpu.avx512f && cpu.avx512cd && cpu.avx512vl && cpu.avx512dq && cpu.avx512bw; });
  f(kCpuAvx512Bf16, "avx512_bf16", "avx512_bf16", [](const auto& cpu) { return cpu.avx512_bf16; });
  f(kCpuBmi, "bmi (1, 2, lzcnt, movbe, popcnt)", "bmi+bmi2+lzcnt+movbe+popcnt",
    [](const auto& cpu) { return cpu.bmi1 && cpu.bmi2 && cpu.lzcnt && cpu.movbe && cpu.popcnt; });
}

template <class F>
constexpr void visit_arm_features(F&& f) {
  // Part of every AArch64 CPU that an operating system runs on.
  f(kCpuNeon, "neon", "neon", [](const auto&) { return true; });
  f(kCpuFp16, "fp16", "fullfp16", [](const auto& cpu) { return cpu.fphp && cpu.asimdhp; });
  f(kCpuDotProd, "dotprod", "dotprod", [](const auto& cpu) { return cpu.asimddp; });
  f(kCpuSve2, "sve2", "sve2", [](const auto& cpu) { return cpu.sve2; });
}

#if defined(__aarch64__) && defined(__linux__)
/// What Linux lets a process use, under the names of the cpu_features library's Aarch64Features.
struct LinuxArmFeatures {
  LinuxArmFeatures(unsigned long hwcap, unsigned long hwcap2)
      : fphp(hwcap & HWCAP_FPHP),
        asimdhp(hwcap & HWCAP_ASIMDHP),
        asimddp(hwcap & HWCAP_ASIMDDP),
        sve2(hwcap2 & HWCAP2_SVE2) {}
  bool fphp, asimdhp, asimddp, sve2;
};
#endif

/// F is called as f(bit, name, capability): the CUDA compute capability, times ten, from which a device has the
/// feature; 0 for OpenCL devices.
template <class F>
constexpr void visit_device_features(F&& f) {
  f(kDeviceCuda50, "CUDA device of capability 5.0 or higher", 50);
  f(kDeviceCuda70, "CUDA device of capability 7.0 or higher", 70);
  f(kDeviceCuda80, "CUDA device of capability 8.0 or higher", 80);
  f(kDeviceCuda86, "CUDA device of capability 8.6 or higher", 86);
  f(kDeviceOpenCl, "OpenCL device", 0);
}

/// The bits of a CUDA device with this compute capability.
constexpr std::uint64_t cuda_device_features(int major, int minor) {
  std::uint64_t features = 0;
  visit_device_features([&](std::uint64_t bit, const char*, int capability) {
    if (capability != 0 && 10 * major + minor >= capability) features |= bit;
  });
  return features;
}

/// The bits of all devices, which no CPU has.
constexpr std::uint64_t device_features() {
  std::uint64_t features = 0;
  visit_device_features([&](std::uint64_t bit, const char*, int) { features |= bit; });
  return features;
}

// What the x86 targets, and the CPUs that tests stand in for, have in common.
inline constexpr std::uint64_t kAvx2Level = kCpuSse41 | kCpuAvx | kCpuF16c | kCpuFma | kCpuAvx2 | kCpuBmi;
inline constexpr std::uint64_t kAvx512Level = kAvx2Level | kCpuAvx512Skylake;

}  // namespace sepconv::detail
