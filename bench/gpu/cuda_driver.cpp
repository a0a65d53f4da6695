#include "bench/gpu/cuda_driver.h"

#include <dlfcn.h>

#include <algorithm>
#include <stdexcept>

namespace sepconv::bench {

// As cuda.h declares them: a CUresult and a CUdevice are int, contexts, streams and events are pointers.
struct CudaDriver::Functions {
  int (*init)(unsigned flags);
  int (*driver_version)(int* version);
  int (*device_get)(int* device, int ordinal);
  int (*device_name)(char* name, int length, int device);
  int (*device_attribute)(int* value, int attribute, int device);
  int (*context_retain)(void** context, int device);
  int (*context_release)(int device);
  int (*context_push)(void* context);
  int (*context_pop)(void** context);
  int (*stream_create)(void** stream, unsigned flags);
  int (*stream_destroy)(void* stream);
  int (*stream_synchronize)(void* stream);
  int (*event_create)(void** event, unsigned flags);
  int (*event_destroy)(void* event);
  int (*event_record)(void* event, void* stream);
  int (*event_elapsed)(float* milliseconds, void* begin, void* end);
  int (*mem_alloc)(std::uint64_t* address, std::size_t bytes);
  int (*mem_free)(std::uint64_t address);
  int (*memset_async)(std::uint64_t address, unsigned value, std::size_t count, void* stream);
  int (*error_string)(int result, const char** text);

  void check(int result, const char* what) const {
    if (result == 0) return;
    const char* text = nullptr;
    error_string(result, &text);
    throw std::runtime_error(std::string("CUDA: ") + what + ": error " + std::to_string(result) +
                             (text == nullptr ? "" : std::string(", ") + text));
  }
};

namespace {

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (function == nullptr) throw std::runtime_error(std::string("CUDA: libcuda.so.1 lacks ") + name);
}

constexpr int kL2CacheSize = 38;             // CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE
constexpr unsigned kNonBlockingStream = 1;   // CU_STREAM_NON_BLOCKING
constexpr std::int64_t kBuffer = 256 << 20;  // some 0.1 ms and more of writing: the host gets ahead meanwhile

}  // namespace

CudaDriver::CudaDriver() {
  static Functions f;
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) throw std::runtime_error(std::string("CUDA: no driver: ") + ::dlerror());
  find(library, "cuInit", f.init);
  find(library, "cuDriverGetVersion", f.driver_version);
  find(library, "cuDeviceGet", f.device_get);
  find(library, "cuDeviceGetName", f.device_name);
  find(library, "cuDeviceGetAttribute", f.device_attribute);
  find(library, "cuDevicePrimaryCtxRetain", f.context_retain);
  find(library, "cuDevicePrimaryCtxRelease_v2", f.context_release);
  find(library, "cuCtxPushCurrent_v2", f.context_push);
  find(library, "cuCtxPopCurrent_v2", f.context_pop);
  find(library, "cuStreamCreate", f.stream_create);
  find(library, "cuStreamDestroy_v2", f.stream_destroy);
  find(library, "cuStreamSynchronize", f.stream_synchronize);
  find(library, "cuEventCreate", f.event_create);
  find(library, "cuEventDestroy_v2", f.event_destroy);
  find(library, "cuEventRecord", f.event_record);
  find(library, "cuEventElapsedTime", f.event_elapsed);
  find(library, "cuMemAlloc_v2", f.mem_alloc);
  find(library, "cuMemFree_v2", f.mem_free);
  find(library, "cuMemsetD32Async", f.memset_async);
  find(library, "cuGetErrorString", f.error_string);
  functions_ = &f;

  f.check(f.init(0), "cuInit");
  f.check(f.driver_version(&driver_version_), "cuDriverGetVersion");
  f.check(f.device_get(&device_, 0), "cuDeviceGet");
  char name[256] = "";
  f.check(f.device_name(name, sizeof name, device_), "cuDeviceGetName");
  device_name_ = name;
  int l2 = 0;
  f.check(f.device_attribute(&l2, kL2CacheSize, device_), "cuDeviceGetAttribute");
  l2_bytes_ = l2;
  try {
    f.check(f.context_retain(&context_, device_), "cuDevicePrimaryCtxRetain");
    f.check(f.context_push(context_), "cuCtxPushCurrent");  // for this thread's lifetime
    f.check(f.stream_create(&stream_, kNonBlockingStream), "cuStreamCreate");
    buffer_bytes_ = static_cast<std::size_t>(std::max(kBuffer, 4 * l2_bytes_));
    f.check(f.mem_alloc(&buffer_, buffer_bytes_), "cuMemAlloc");
  } catch (...) {
    close();
    throw;
  }
}

CudaDriver::~CudaDriver() { close(); }

void CudaDriver::close() noexcept {
  if (context_ == nullptr) return;
  for (void* event : events_) functions_->event_destroy(event);
  if (buffer_ != 0) functions_->mem_free(buffer_);
  if (stream_ != nullptr) functions_->stream_destroy(stream_);
  void* popped = nullptr;
  functions_->context_pop(&popped);
  functions_->context_release(device_);
}

void CudaDriver::overwrite_l2() {
  functions_->check(functions_->memset_async(buffer_, 0, buffer_bytes_ / 4, stream_), "cuMemsetD32Async");
}

void CudaDriver::record(std::size_t event) {
  while (events_.size() <= event) {
    void* made = nullptr;
    functions_->check(functions_->event_create(&made, 0), "cuEventCreate");
    events_.push_back(made);
  }
  functions_->check(functions_->event_record(events_[event], stream_), "cuEventRecord");
}

void CudaDriver::synchronize() { functions_->check(functions_->stream_synchronize(stream_), "cuStreamSynchronize"); }

double CudaDriver::seconds_between(std::size_t begin, std::size_t end) {
  float milliseconds = 0;
  functions_->check(functions_->event_elapsed(&milliseconds, events_.at(begin), events_.at(end)), "cuEventElapsedTime");
  return milliseconds * 1e-3;
}

}  // namespace sepconv::bench
