#include <limits>
#include <stdexcept>

#include "runtime/gpu/device_runtime.h"

namespace sepconv {
namespace {

/// A buffer of the same memory with the caller's host memory beside it, for one copy.
halide_buffer_t with_host(const GpuTensor::Memory& memory, const void* host) {
  halide_buffer_t buffer = memory.buffer;
  buffer.host = static_cast<std::uint8_t*>(const_cast<void*>(host));  // a copy to the device only reads it
  return buffer;
}

Status check(const GpuTensor::Memory& memory, const ConstTensorView& host, const char* what) noexcept {
  if (host.dtype != memory.dtype)
    return Status::error(StatusCode::invalid_dtype, "GPU: %s: the host tensor is %s and the device tensor %s", what,
                         keras_name(host.dtype), keras_name(memory.dtype));
  if (host.rank != static_cast<int>(memory.shape.size()))
    return Status::error(StatusCode::invalid_shape, "GPU: %s: the host tensor has rank %d and the device tensor %zu",
                         what, host.rank, memory.shape.size());
  std::int64_t pitch = 1;
  for (int axis = host.rank - 1; axis >= 0; --axis) {
    if (host.extents[axis] != memory.shape[axis])
      return Status::error(StatusCode::invalid_shape, "GPU: %s: axis %d of the host tensor is %lld; expected %lld",
                           what, axis, static_cast<long long>(host.extents[axis]),
                           static_cast<long long>(memory.shape[axis]));
    if (host.extents[axis] != 1 && host.pitches[axis] != pitch)
      return Status::error(StatusCode::invalid_layout, "GPU: %s: the host tensor is not dense", what);
    pitch *= host.extents[axis];
  }
  if (host.data == nullptr)
    return Status::error(StatusCode::invalid_layout, "GPU: %s: the host tensor has no memory", what);
  return {};
}

}  // namespace

halide_type_t device_type(DataType dtype) noexcept {
  return dtype == DataType::float32 ? halide_type_t(halide_type_float, 32) : halide_type_t(halide_type_uint, 16);
}

GpuTensor::Memory::Memory(std::shared_ptr<GpuContext::State> state, DataType type, Shape extents)
    : context(std::move(state)), dtype(type), shape(std::move(extents)) {
  if (dtype != DataType::float32 && dtype != DataType::float16 && dtype != DataType::bfloat16)
    throw std::invalid_argument(std::string("GPU: a tensor of ") + keras_name(dtype) +
                                "; expected float32, float16 or bfloat16");
  const std::int64_t elements = dense_view(static_cast<const void*>(nullptr), dtype, shape).elements();
  if (elements < 1 || elements > std::numeric_limits<std::int32_t>::max())
    throw std::invalid_argument("GPU: a tensor of shape " + to_text(shape) + "; expected 1 to 2^31 - 1 elements");
  dimension = halide_dimension_t(0, static_cast<std::int32_t>(elements), 1);
  buffer.type = device_type(dtype);
  buffer.dimensions = 1;
  buffer.dim = &dimension;
  const int result = sepconv_gpu_halide_device_malloc(context.get(), &buffer, context->device);
  if (result != 0)
    throw std::runtime_error("GPU: cannot allocate a tensor of shape " + to_text(shape) + ": " + context->take_error());
}

GpuTensor::Memory::~Memory() { sepconv_gpu_halide_device_free(context.get(), &buffer); }

GpuTensor::GpuTensor(const GpuContext& context, DataType dtype, const Shape& shape)
    : memory_(std::make_unique<Memory>(context.state(), dtype, shape)) {}
GpuTensor::~GpuTensor() = default;
GpuTensor::GpuTensor(GpuTensor&& other) noexcept = default;
GpuTensor& GpuTensor::operator=(GpuTensor&& other) noexcept = default;

DataType GpuTensor::dtype() const noexcept { return memory_->dtype; }
const Shape& GpuTensor::shape() const noexcept { return memory_->shape; }

Status GpuTensor::copy_from(const ConstTensorView& host) noexcept {
  if (Status status = check(*memory_, host, "copy_from"); !status.ok()) return status;
  halide_buffer_t buffer = with_host(*memory_, host.data);
  buffer.set_flag(halide_buffer_flag_host_dirty, true);
  GpuContext::State& state = *memory_->context;
  int result = sepconv_gpu_halide_copy_to_device(&state, &buffer, state.device);
  // The host's memory is the caller's again when this returns.
  if (result == 0) result = sepconv_gpu_halide_device_sync_global(&state, state.device);
  if (result == 0) return {};
  return Status::error(StatusCode::kernel_failed, "GPU: copy_from: error %d: %s", result, state.take_error().c_str());
}

Status GpuTensor::copy_to(const TensorView& host) const noexcept {
  if (Status status = check(*memory_, host, "copy_to"); !status.ok()) return status;
  halide_buffer_t buffer = with_host(*memory_, host.data);
  buffer.set_flag(halide_buffer_flag_device_dirty, true);
  GpuContext::State& state = *memory_->context;
  int result = sepconv_gpu_halide_copy_to_host(&state, &buffer);
  if (result == 0) result = sepconv_gpu_halide_device_sync_global(&state, state.device);
  if (result == 0) return {};
  return Status::error(StatusCode::kernel_failed, "GPU: copy_to: error %d: %s", result, state.take_error().c_str());
}

}  // namespace sepconv
