#include "target.h"

#include <stdexcept>

#include "sepconv/kernel_row.h"

namespace sepconv {

const std::vector<Target>& all_targets() {
  constexpr std::uint64_t sse41 = kCpuSse41;
  constexpr std::uint64_t avx2 = sse41 | kCpuAvx | kCpuF16c | kCpuFma | kCpuAvx2;
  // The Halide strings name every feature that the row may use. L2: the smaller of the common cores of each level.
  static const std::vector<Target> targets = {
      {"x86-64-avx2", "x86-64-linux-sse41-avx-f16c-fma-avx2", 8, 16, 32 << 10, 512 << 10, avx2, 20},
      {"x86-64-avx512", "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake", 16, 32, 32 << 10, 1 << 20,
       avx2 | kCpuAvx512Skylake, 30},
      {"x86-64-sse41", "x86-64-linux-sse41", 4, 16, 32 << 10, 256 << 10, sse41, 10},
  };
  return targets;
}

const Target& target_from_name(std::string_view name) {
  std::string known;
  for (const Target& target : all_targets()) {
    if (target.name == name) return target;
    known += (known.empty() ? "" : ", ") + target.name;
  }
  throw std::invalid_argument("target: unknown name '" + std::string(name) + "'; expected one of " + known);
}

Target target_for_type(Target target, DataType dtype) {
  if (dtype == DataType::float64) target.lanes /= 2;
  return target;
}

}  // namespace sepconv
