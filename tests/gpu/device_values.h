#pragma once
// Host tensors of any element type that GPU kernels have, and the devices of this machine.

#include <memory>
#include <string>
#include <vector>

#include "sepconv/gpu.h"

namespace sepconv::test {

/// The values as elements of the type.
std::vector<std::byte> bytes_of(const std::vector<double>& values, DataType dtype);
std::vector<double> values_of(const std::vector<std::byte>& bytes, DataType dtype);

/// The context that runs a target's kernels; null, with the reason, where this machine has no such device.
struct Device {
  std::unique_ptr<GpuContext> context;
  std::string why_not;
};
const Device& device_for(const std::string& target);

}  // namespace sepconv::test
