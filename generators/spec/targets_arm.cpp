#include <utility>

#include "generators/spec/target.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::generators {
namespace {

// 24 of the 32 registers, 21 for 3 x 7: A64 multiplies by one element of a register, and LLVM holds several of them at
// a time; with 28 sums it spills (docs/arm.md).
constexpr MicroTile kTiles[] = {{4, 6}, {3, 8}, {3, 7}, {2, 12}};
constexpr MicroTiles kMicroTiles[] = {{.tiles = kTiles}};

/// NEON, which every AArch64 CPU has. Figures of a Cortex-A76: 64 KiB of L1, 256 to 512 KiB of L2.
Target neon(std::string name, std::string halide, Os os) {
  return {.name = std::move(name),
          .halide = std::move(halide),
          .lanes = 4,
          .registers = 32,
          .l1_bytes = 64 << 10,
          .l2_bytes = 256 << 10,
          .required_features = kCpuNeon,
          .fuses_multiply_add = true,
          .rules = {.micro_tiles = kMicroTiles, .most_scalars = 20},
          .rank = 10,
          .arch = Arch::arm_64,
          .os = os};
}

/// The same with float16's conversions in hardware. Sums of float16 are float32, so its arithmetic is not used; but
/// only with all of the extension does Halide emit the conversions. Other types gain nothing from it.
Target with_fp16(Target target) {
  target.name += "-fp16";
  target.halide += "-arm_fp16";
  target.required_features |= kCpuFp16;
  target.converts_float16 = true;
  target.rank += 10;
  target.types = {DataType::float16};
  return target;
}

}  // namespace

std::vector<Target> arm_targets() {
  const Target linux = neon("arm-64", "arm-64-linux", Os::linux);
  const Target android = neon("arm-64-android", "arm-64-android", Os::android);
  Target osx = neon("arm-64-osx", "arm-64-osx-arm_fp16", Os::osx);
  osx.required_features |= kCpuFp16;  // every Apple core that macOS runs on
  osx.converts_float16 = true;
  return {linux, with_fp16(linux), android, with_fp16(android), osx};
}

const std::vector<RefusedTarget>& refused_targets() {
  static const std::vector<RefusedTarget> refused = {
      {"arm-64-dotprod", "its instructions add products of 8-bit integers, which no layer here computes; use arm-64"},
      {"arm-64-sve2",
       "Halide 21's SVE2 is experimental and fixes the vectors' width when it compiles, so that an object would be "
       "wrong "
       "on a CPU of another width; CPUs with SVE2 run arm-64"},
  };
  return refused;
}

}  // namespace sepconv::generators
