#include "generators/spec/target.h"
#include "sepconv/detail/compiled_kernel.h"

namespace sepconv::generators {
namespace {

const std::vector<DataType> kDeviceTypes = {DataType::float32, DataType::float16, DataType::bfloat16};

/// A CUDA target of one compute capability. Newer devices compile its PTX again when it is loaded.
Target cuda_target(const std::string& capability, std::uint64_t feature, int rank) {
  return {.name = "cuda-sm" + capability,
          .halide = "x86-64-linux-sse41-cuda-cuda_capability_" + capability,
          .lanes = 32,
          .registers = 128,  // two blocks of 256 threads then fill the 65,536 registers of a multiprocessor
          .l1_bytes = 48 << 10,
          .l2_bytes = 2 << 20,
          .required_features = kCpuSse41 | feature,
          .rank = rank,
          .device = Device::cuda,
          .types = kDeviceTypes};
}

}  // namespace

std::vector<Target> gpu_targets() {
  // The part on the host runs on any x86-64 with SSE4.1. Blocks get the shared memory that every device of the kind
  // has; OpenCL 1.2 promises no more than 32 KiB of it.
  return {
      cuda_target("50", kDeviceCuda50, 110),
      cuda_target("70", kDeviceCuda70, 120),
      cuda_target("80", kDeviceCuda80, 130),
      cuda_target("86", kDeviceCuda86, 140),
      {.name = "opencl",
       .halide = "x86-64-linux-sse41-opencl",
       .lanes = 32,
       .registers = 128,
       .l1_bytes = 32 << 10,
       .l2_bytes = 1 << 20,
       .required_features = kCpuSse41 | kDeviceOpenCl,
       .rank = 100,
       .device = Device::opencl,
       .types = kDeviceTypes},
  };
}

}  // namespace sepconv::generators
