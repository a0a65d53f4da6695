#pragma once
// Tensors of any element type that GPU kernels have, the devices of this machine, and names of tests.

#include <memory>
#include <string>
#include <vector>

#include "sepconv/gpu.h"

namespace sepconv::test {

/// The values as elements of the type.
std::vector<std::byte> bytes_of(const std::vector<double>& values, DataType dtype);
std::vector<double> values_of(const std::vector<std::byte>& bytes, DataType dtype);

/// A tensor in device memory with these values, and NaN behind them; and the values of one.
/// @throws std::runtime_error if the device fails.
GpuTensor device_tensor(const GpuContext& context, DataType dtype, const Shape& shape,
                        const std::vector<double>& values);
std::vector<double> values_of(const GpuTensor& tensor);

/// The text with an underscore for each character that the name of a test may not have.
std::string test_name(std::string text);

/// The context that runs a target's kernels; null, with the reason, where this machine has no such device.
struct Device {
  std::unique_ptr<GpuContext> context;
  std::string why_not;
};
const Device& device_for(const std::string& target);

}  // namespace sepconv::test
