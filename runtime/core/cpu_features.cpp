#include "runtime/core/cpu_features.h"

#include <array>

#ifdef SEPCONV_TEST_HOOKS
#include <cstdio>
#include <cstdlib>
#include <string_view>
#endif

#if defined(__aarch64__) && defined(__linux__)
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

#include "runtime/core/feature_table.h"

namespace sepconv {
namespace {

#if defined(CPU_FEATURES_ARCH_X86)
struct X86Cpu : cpu_features::X86Features {
  /// The CPU-feature library does not know it. Where it is missing its code runs, as BSR, with other results.
  bool lzcnt;
};

bool has_lzcnt() {
  constexpr unsigned kAbm = 1u << 5;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) != 0 && (ecx & kAbm) != 0;
}
#endif

/// A visitor of the feature table that collects the bits of what `cpu` has.
template <class Cpu>
auto collect(const Cpu& cpu, std::uint64_t& features) {
  return [&](CpuFeature bit, const char*, const char*, const auto& present) {
    if (present(cpu)) features |= bit;
  };
}

std::uint64_t detect() {
  std::uint64_t features = 0;
#if defined(__aarch64__) && defined(__linux__)
  // From the kernel itself: Debian's build of the CPU-feature library prints to standard output when it reads the same
  // words.
  detail::visit_arm_features(collect(detail::LinuxArmFeatures(getauxval(AT_HWCAP), getauxval(AT_HWCAP2)), features));
#elif defined(CPU_FEATURES_ARCH_X86)
  detail::visit_x86_features(collect(X86Cpu{cpu_features::GetX86Info().features, has_lzcnt()}, features));
#elif defined(CPU_FEATURES_ARCH_AARCH64)
  detail::visit_arm_features(collect(cpu_features::GetAarch64Info().features, features));
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
  if (cpu == "avx2") return detail::kAvx2Level;
  std::fprintf(stderr, "SEPCONV_TEST_CPU: expected avx2 or sse41, received '%s'\n", variable);
  std::abort();
}
#else
constexpr std::uint64_t test_mask() { return ~std::uint64_t{0}; }
#endif

constexpr int kBits = 64;

constexpr std::array<const char*, kBits> names_by_bit() {
  std::array<const char*, kBits> names = {};
  const auto add = [&](std::uint64_t feature, const char* name, const auto&...) {
    int bit = 0;
    while (feature >> bit != 1) ++bit;
    names[bit] = name;
  };
  detail::visit_x86_features(add);
  detail::visit_arm_features(add);
  detail::visit_device_features(add);
  return names;
}

}  // namespace

std::uint64_t detected_cpu_features() {
  static const std::uint64_t features = detect() & test_mask();
  return features;
}

std::string cpu_feature_names(std::uint64_t features) {
  static constexpr std::array<const char*, kBits> kNames = names_by_bit();
  std::string text;
  for (int bit = 0; bit < kBits; ++bit) {
    if ((features >> bit & 1) == 0) continue;
    if (!text.empty()) text += ", ";
    if (kNames[bit] != nullptr)
      text += kNames[bit];
    else
      text += "unknown feature " + std::to_string(bit);
  }
  return text;
}

}  // namespace sepconv
