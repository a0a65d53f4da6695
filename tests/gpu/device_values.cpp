#include "tests/gpu/device_values.h"

#include <cctype>
#include <cstring>
#include <exception>
#include <limits>
#include <stdexcept>

namespace sepconv::test {

std::vector<std::byte> bytes_of(const std::vector<double>& values, DataType dtype) {
  std::vector<std::byte> bytes(values.size() * size_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::byte* at = bytes.data() + i * size_bytes(dtype);
    if (dtype == DataType::float32) {
      const float value = static_cast<float>(values[i]);
      std::memcpy(at, &value, sizeof value);
    } else {
      const std::uint16_t bits = dtype == DataType::float16 ? to_float16(values[i]).bits : to_bfloat16(values[i]).bits;
      std::memcpy(at, &bits, sizeof bits);
    }
  }
  return bytes;
}

std::vector<double> values_of(const std::vector<std::byte>& bytes, DataType dtype) {
  std::vector<double> values(bytes.size() / size_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::byte* at = bytes.data() + i * size_bytes(dtype);
    if (dtype == DataType::float32) {
      float value;
      std::memcpy(&value, at, sizeof value);
      values[i] = value;
    } else {
      std::uint16_t bits;
      std::memcpy(&bits, at, sizeof bits);
      values[i] = dtype == DataType::float16 ? to_float(float16{bits}) : to_float(bfloat16{bits});
    }
  }
  return values;
}

GpuTensor device_tensor(const GpuContext& context, DataType dtype, const Shape& shape,
                        const std::vector<double>& values) {
  GpuTensor tensor(context, dtype, shape);
  std::vector<double> all = values;
  all.resize(static_cast<std::size_t>(dense_view(static_cast<const void*>(nullptr), dtype, shape).elements()),
             std::numeric_limits<double>::quiet_NaN());
  const std::vector<std::byte> bytes = bytes_of(all, dtype);
  const Status status = tensor.copy_from(dense_view(static_cast<const void*>(bytes.data()), dtype, shape));
  if (!status.ok()) throw std::runtime_error(status.message());
  return tensor;
}

std::vector<double> values_of(const GpuTensor& tensor) {
  const std::int64_t elements =
      dense_view(static_cast<const void*>(nullptr), tensor.dtype(), tensor.shape()).elements();
  std::vector<std::byte> bytes(static_cast<std::size_t>(elements) * size_bytes(tensor.dtype()));
  const Status status = tensor.copy_to(dense_view(static_cast<void*>(bytes.data()), tensor.dtype(), tensor.shape()));
  if (!status.ok()) throw std::runtime_error(status.message());
  return values_of(bytes, tensor.dtype());
}

std::string test_name(std::string text) {
  for (char& character : text)
    if (!std::isalnum(static_cast<unsigned char>(character))) character = '_';
  return text;
}

const Device& device_for(const std::string& target) {
  const auto open = [](GpuApi api) {
    Device device;
    try {
      device.context = std::make_unique<GpuContext>(api);
    } catch (const std::exception& error) {
      device.why_not = error.what();
    }
    return device;
  };
  static const Device opencl = open(GpuApi::opencl);
  if (target == "opencl") return opencl;
  static const Device cuda = open(GpuApi::cuda);
  return cuda;
}

}  // namespace sepconv::test
