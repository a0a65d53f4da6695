#include "sepconv/kernel_row.h"
#include "target.h"

namespace sepconv {

std::vector<Target> arm_targets() {
  // Figures of a Cortex-A76: 64 KiB of L1, 256 to 512 KiB of L2.
  return {
      {.name = "arm-64",
       .halide = "arm-64-linux",
       .lanes = 4,
       .registers = 32,
       .l1_bytes = 64 << 10,
       .l2_bytes = 256 << 10,
       .required_features = kCpuNeon,
       .rank = 10,
       .arch = Arch::arm_64},
  };
}

}  // namespace sepconv
