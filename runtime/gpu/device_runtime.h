#pragma once
// The Halide runtime of this library, under the names that rename_runtime.cmake gave its functions.

#include <HalideRuntime.h>

#include <cstdint>
#include <mutex>
#include <string>

#include "sepconv/gpu.h"

extern "C" {
const halide_device_interface_t* sepconv_gpu_halide_cuda_device_interface();
const halide_device_interface_t* sepconv_gpu_halide_opencl_device_interface();
int sepconv_gpu_halide_device_malloc(void* user, halide_buffer_t* buffer, const halide_device_interface_t* device);
int sepconv_gpu_halide_device_free(void* user, halide_buffer_t* buffer);
int sepconv_gpu_halide_device_sync_global(void* user, const halide_device_interface_t* device);
int sepconv_gpu_halide_copy_to_device(void* user, halide_buffer_t* buffer, const halide_device_interface_t* device);
int sepconv_gpu_halide_copy_to_host(void* user, halide_buffer_t* buffer);
int sepconv_gpu_halide_reuse_device_allocations(void* user, bool reuse);
halide_error_handler_t sepconv_gpu_halide_set_error_handler(halide_error_handler_t handler);

using CudaAcquireContext = int (*)(void* user, void** context, bool create);
using CudaReleaseContext = int (*)(void* user);
using CudaGetStream = int (*)(void* user, void* context, void** stream);
CudaAcquireContext sepconv_gpu_halide_set_cuda_acquire_context(CudaAcquireContext handler);
CudaReleaseContext sepconv_gpu_halide_set_cuda_release_context(CudaReleaseContext handler);
CudaGetStream sepconv_gpu_halide_set_cuda_get_stream(CudaGetStream handler);
}

namespace sepconv {

/// What kernels get as their user context: a pointer to this.
struct GpuContext::State {
  GpuApi api = GpuApi::cuda;
  CudaHandles cuda;  // the application's, or null
  std::uint64_t features = 0;
  const halide_device_interface_t* device = nullptr;

  /// What the device runtime said since the last call, for messages.
  std::string take_error() noexcept;
  void add_error(const char* message) noexcept;

 private:
  std::mutex mutex_;
  std::string error_;
};

struct GpuTensor::Memory {
  std::shared_ptr<GpuContext::State> context;
  DataType dtype = DataType::float32;
  Shape shape;
  halide_dimension_t dimension{};
  halide_buffer_t buffer{};  // one dimension; no host memory

  Memory(std::shared_ptr<GpuContext::State> state, DataType type, Shape extents);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
};

/// Elements of device memory that hold packed weights are described as the kernels' argument types.
halide_type_t device_type(DataType dtype) noexcept;

}  // namespace sepconv
