#include "sepconv/kernel_row.h"
#include "target.h"

namespace sepconv {

std::vector<Target> x86_targets() {
  constexpr std::uint64_t sse41 = kCpuSse41;
  constexpr std::uint64_t avx2 = sse41 | kCpuAvx | kCpuF16c | kCpuFma | kCpuAvx2 | kCpuBmi;
  // The Halide strings name every feature that the row may use, but for kCpuBmi: for avx2 Halide's compiler assumes a
  // Haswell, and uses ANDN and the like in addresses. L2: the smaller of the common cores of each level.
  return {
      {.name = "x86-64-sse41",
       .halide = "x86-64-linux-sse41",
       .lanes = 4,
       .registers = 16,
       .l1_bytes = 32 << 10,
       .l2_bytes = 256 << 10,
       .required_features = sse41,
       .rank = 10},
      {.name = "x86-64-avx2",
       .halide = "x86-64-linux-sse41-avx-f16c-fma-avx2",
       .lanes = 8,
       .registers = 16,
       .l1_bytes = 32 << 10,
       .l2_bytes = 512 << 10,
       .required_features = avx2,
       .rank = 20},
      {.name = "x86-64-avx512",
       .halide = "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake",
       .lanes = 16,
       .registers = 32,
       .l1_bytes = 32 << 10,
       .l2_bytes = 1 << 20,
       .required_features = avx2 | kCpuAvx512Skylake,
       .rank = 30},
      // The same code: VCVTNEPS2BF16 and VDPBF16PS take subnormals for zeros and give zeros for subnormals, whatever
      // MXCSR says.
      {.name = "x86-64-avx512-bf16",
       .halide = "x86-64-linux-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake",
       .lanes = 16,
       .registers = 32,
       .l1_bytes = 32 << 10,
       .l2_bytes = 1 << 20,
       .required_features = avx2 | kCpuAvx512Skylake | kCpuAvx512Bf16,
       .rank = 40,
       .experimental =
           "gains nothing over x86-64-avx512, whose code it shares: AVX512_BF16 flushes the subnormals that "
           "kernels promise to keep",
       .types = {DataType::bfloat16}},
  };
}

}  // namespace sepconv
