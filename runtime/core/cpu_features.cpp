#include "sepconv/cpu_features.h"

#include <utility>
#ifdef SEPCONV_TEST_HOOKS
#include <cstdio>
#include <cstdlib>
#include <string_view>
#endif

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#else
#include <cpu_features/cpu_features_macros.h>
#if defined(CPU_FEATURES_ARCH_X86)
#include <cpu_features/cpuinfo_x86.h>
#include <cpuid.h>
#elif defined(CPU_FEATURES_ARCH_AARCH64)
#include <cpu_features/cpuinfo_aarch64.h>
#endif
#endif

namespace sepconv {
namespace {

#if defined(CPU_FEATURES_ARCH_X86)
/// The CPU-feature library does not know it. Where it is missing its code runs, as BSR, with other results.
bool has_lzcnt() {
  constexpr unsigned kAbm = 1u << 5;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kAbm) != 0;
}
#endif

std::uint64_t detect() {
  std::uint64_t features = 0;
#if defined(__aarch64__) && defined(__linux__)
  // What the kernel lets a process use, from the kernel itself: Debian's build of the CPU-feature library prints to
  // standard output when it reads the same words.
  const unsigned long cpu = getauxval(AT_HWCAP), more = getauxval(AT_HWCAP2);
  features |= kCpuNeon;  // part of every AArch64 CPU that Linux runs programs on
  if ((cpu & HWCAP_FPHP) && (cpu & HWCAP_ASIMDHP)) features |= kCpuFp16;
  if (cpu & HWCAP_ASIMDDP) features |= kCpuDotProd;
  if (more & HWCAP2_SVE2) features |= kCpuSve2;
#elif defined(CPU_FEATURES_ARCH_X86)
  const cpu_features::X86Features cpu = cpu_features::GetX86Info().features;
  if (cpu.sse4_1) features |= kCpuSse41;
  if (cpu.avx) features |= kCpuAvx;
  if (cpu.f16c && cpu.avx) features |= kCpuF16c;  // F16C has VEX encodings only: it needs what AVX needs of the system
  if (cpu.fma3) features |= kCpuFma;
  if (cpu.avx2) features |= kCpuAvx2;
  if (cpu.avx512f && cpu.avx512cd && cpu.avx512vl && cpu.avx512dq && cpu.avx512bw) features |= kCpuAvx512Skylake;
  if (cpu.bmi1 && cpu.bmi2 && cpu.movbe && cpu.popcnt && has_lzcnt()) features |= kCpuBmi;
  if (cpu.avx512_bf16) features |= kCpuAvx512Bf16;
#elif defined(CPU_FEATURES_ARCH_AARCH64)
  const cpu_features::Aarch64Features cpu = cpu_features::GetAarch64Info().features;
  features |= kCpuNeon;  // part of every AArch64 CPU that an operating system runs on
  if (cpu.fphp && cpu.asimdhp) features |= kCpuFp16;
  if (cpu.asimddp) features |= kCpuDotProd;
  if (cpu.sve2) features |= kCpuSve2;
#endif
  return features;
}

#ifdef SEPCONV_TEST_HOOKS
/// What a CPU may have at most that stands for an older one: SEPCONV_TEST_CPU, "avx2" or "sse41".
std::uint64_t test_mask() {
  const char* variable = std::getenv("SEPCONV_TEST_CPU");
  const std::string_view cpu = variable == nullptr ? "" : variable;
  if (cpu.empty()) return ~std::uint64_t{0};
  if (cpu == "sse41") return kCpuSse41;
  if (cpu == "avx2") return kCpuSse41 | kCpuAvx | kCpuF16c | kCpuFma | kCpuAvx2 | kCpuBmi;
  std::fprintf(stderr, "SEPCONV_TEST_CPU: expected avx2 or sse41, received '%s'\n", variable);
  std::abort();
}
#else
constexpr std::uint64_t test_mask() { return ~std::uint64_t{0}; }
#endif

}  // namespace

std::uint64_t detected_cpu_features() {
  static const std::uint64_t features = detect() & test_mask();
  return features;
}

std::string cpu_feature_names(std::uint64_t features) {
  constexpr std::pair<std::uint64_t, const char*> kNames[] = {
      {kCpuSse41, "sse4.1"},
      {kCpuAvx, "avx"},
      {kCpuF16c, "f16c"},
      {kCpuFma, "fma"},
      {kCpuAvx2, "avx2"},
      {kCpuAvx512Skylake, "avx512 (f, cd, vl, dq, bw)"},
      {kCpuAvx512Bf16, "avx512_bf16"},
      {kCpuBmi, "bmi (1, 2, lzcnt, movbe, popcnt)"},
      {kCpuNeon, "neon"},
      {kCpuFp16, "fp16"},
      {kCpuDotProd, "dotprod"},
      {kCpuSve2, "sve2"},
      {kDeviceCuda50, "CUDA device of capability 5.0 or higher"},
      {kDeviceCuda70, "CUDA device of capability 7.0 or higher"},
      {kDeviceCuda80, "CUDA device of capability 8.0 or higher"},
      {kDeviceCuda86, "CUDA device of capability 8.6 or higher"},
      {kDeviceOpenCl, "OpenCL device"},
  };
  std::string text;
  const auto add = [&](const std::string& name) { text += (text.empty() ? "" : ", ") + name; };
  for (const auto& [bit, name] : kNames) {
    if (features & bit) add(name);
    features &= ~bit;
  }
  for (int bit = 0; bit < 64; ++bit)
    if (features >> bit & 1) add("unknown feature " + std::to_string(bit));
  return text;
}

}  // namespace sepconv
