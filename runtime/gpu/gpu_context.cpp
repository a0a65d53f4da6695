#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "runtime/core/feature_table.h"
#include "runtime/gpu/device_runtime.h"

// The device runtime asks for its environment variables here. Its own default of 64 registers a thread makes the
// schedules' sums spill.
extern "C" char* sepconv_gpu_getenv(const char* name) {
  static char registers[] = "128";
  char* value = std::getenv(name);
  return value == nullptr && std::strcmp(name, "HL_CUDA_JIT_MAX_REGISTERS") == 0 ? registers : value;
}

namespace sepconv {
namespace {

CudaAcquireContext default_acquire = nullptr;
CudaReleaseContext default_release = nullptr;
CudaGetStream default_stream = nullptr;

GpuContext::State* state_of(void* user) { return static_cast<GpuContext::State*>(user); }

bool has_cuda_handles(void* user) { return user != nullptr && state_of(user)->cuda.context != nullptr; }

void on_error(void* user, const char* message) {
  if (user != nullptr) state_of(user)->add_error(message);
}

int acquire_context(void* user, void** context, bool create) {
  if (!has_cuda_handles(user)) return default_acquire(user, context, create);
  *context = state_of(user)->cuda.context;
  return 0;
}

int release_context(void* user) { return has_cuda_handles(user) ? 0 : default_release(user); }

int get_stream(void* user, void* context, void** stream) {
  if (!has_cuda_handles(user)) return default_stream(user, context, stream);
  *stream = state_of(user)->cuda.stream;
  return 0;
}

/// Once a process: our handlers in place of the device runtime's, which end the program, print, or know one context.
void install_handlers() {
  static const bool installed = [] {
    sepconv_gpu_halide_set_error_handler(on_error);
    default_acquire = sepconv_gpu_halide_set_cuda_acquire_context(acquire_context);
    default_release = sepconv_gpu_halide_set_cuda_release_context(release_context);
    default_stream = sepconv_gpu_halide_set_cuda_get_stream(get_stream);
    sepconv_gpu_halide_reuse_device_allocations(nullptr, true);
    return true;
  }();
  static_cast<void>(installed);
}

/// Opens the device, or says why there is none.
void open_device(GpuContext::State& state) {
  install_handlers();
  const bool cuda = state.api == GpuApi::cuda;
  // The device runtime opens libcuda.so, which not every driver installs, but first looks among what is loaded.
  if (cuda) ::dlopen("libcuda.so.1", RTLD_LAZY | RTLD_GLOBAL);
  state.device = cuda ? sepconv_gpu_halide_cuda_device_interface() : sepconv_gpu_halide_opencl_device_interface();
  int major = 0, minor = 0;
  int result = sepconv_gpu_halide_device_sync_global(&state, state.device);
  if (result == 0 && cuda) result = state.device->compute_capability(&state, &major, &minor);
  if (result != 0) {
    const std::string reason = state.take_error();
    throw std::runtime_error(
        std::string(cuda ? "GPU: no CUDA device can be used; it needs NVIDIA's driver (libcuda.so.1) and a device: "
                         : "GPU: no OpenCL device can be used; it needs an OpenCL platform (libOpenCL.so.1 and a "
                           "vendor's driver, or PoCL): ") +
        (reason.empty() ? "error " + std::to_string(result) : reason));
  }
  state.features = cuda ? detail::cuda_device_features(major, minor) : static_cast<std::uint64_t>(kDeviceOpenCl);
}

}  // namespace

std::string GpuContext::State::take_error() noexcept {
  const std::lock_guard lock(mutex_);
  return std::exchange(error_, std::string());
}

void GpuContext::State::add_error(const char* message) noexcept {
  constexpr std::size_t kMost = 2000;  // an error can come with every call of a loop
  const std::lock_guard lock(mutex_);
  try {
    if (error_.size() < kMost) error_ += (error_.empty() ? "" : "; ") + std::string(message);
  } catch (const std::bad_alloc&) {
  }
  while (!error_.empty() && (error_.back() == '\n' || error_.back() == ' ')) error_.pop_back();
}

GpuContext::GpuContext(GpuApi api) : state_(std::make_shared<State>()) {
  state_->api = api;
  open_device(*state_);
}

GpuContext::GpuContext(const CudaHandles& handles) : state_(std::make_shared<State>()) {
  if (handles.context == nullptr)
    throw std::invalid_argument("GPU: the CUDA context is null; expected a CUcontext, or use GpuContext(GpuApi::cuda)");
  state_->cuda = handles;
  open_device(*state_);
}

GpuApi GpuContext::api() const noexcept { return state_->api; }

std::uint64_t GpuContext::features() const noexcept { return state_->features; }

Status GpuContext::synchronize() const noexcept {
  const int result = sepconv_gpu_halide_device_sync_global(state_.get(), state_->device);
  if (result == 0) return {};
  return Status::error(StatusCode::kernel_failed, "GPU: synchronize: error %d: %s", result,
                       state_->take_error().c_str());
}

void GpuContext::release_unused_memory() const noexcept {
  // Turning the reuse off is what empties the store.
  sepconv_gpu_halide_reuse_device_allocations(state_.get(), false);
  sepconv_gpu_halide_reuse_device_allocations(state_.get(), true);
}

}  // namespace sepconv
