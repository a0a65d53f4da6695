#pragma once
// Which devices this machine has, asked of their drivers without being linked with them.

#include <cstdint>

namespace sepconv::tools {

/// The CpuFeature bits from 32 on (compiled_kernel.h) whose kernels a device of this machine can run; 0 without a
/// driver, and for a driver that crashes or does not answer. The drivers are asked in child processes.
std::uint64_t detected_devices();

}  // namespace sepconv::tools
