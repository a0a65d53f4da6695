// libcuda.so.1 for tests: the functions of the driver that libsepconv_gpu and the benchmark call, as cuda.h declares
// them (CUresult and CUdevice are int).

#include "tests/gpu/fake_cuda.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

sepconv::test::FakeCuda state;
int primary_context, own_context;
std::uint64_t ticks = 0;  // of the clock that events read

void* current() { return state.context_stack.empty() ? nullptr : state.context_stack.back(); }

constexpr int kOk = 0, kInvalidValue = 1, kInvalidContext = 201;
constexpr int kJitMaxRegisters = 0, kL2CacheSize = 38, kCapabilityMajor = 75, kCapabilityMinor = 76;

int copy(void* to, const void* from, std::size_t bytes, void* stream) {
  if (current() == nullptr) return kInvalidContext;
  std::memcpy(to, from, bytes);
  state.copy_streams.push_back(stream);
  return kOk;
}

void* at(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

extern "C" {

sepconv::test::FakeCuda* sepconv_fake_cuda() { return &state; }

int cuInit(unsigned) { return kOk; }
int cuDriverGetVersion(int* version) { return *version = 12040, kOk; }
int cuDeviceGetCount(int* count) { return *count = 1, kOk; }
int cuDeviceGet(int* device, int) { return *device = 0, kOk; }
int cuDeviceGetName(char* name, int length, int) { return std::strncpy(name, "Fake", length), kOk; }
int cuDeviceTotalMem_v2(std::size_t* bytes, int) { return *bytes = std::size_t{1} << 30, kOk; }
int cuDeviceGetAttribute(int* value, int attribute, int) {
  *value = attribute == kCapabilityMajor   ? 8
           : attribute == kCapabilityMinor ? 0
           : attribute == kL2CacheSize     ? 1 << 20
                                           : 0;
  return kOk;
}
int cuGetErrorString(int, const char** text) { return *text = "an error of the fake", kOk; }

int cuCtxCreate_v2(void** context, unsigned, int) {
  ++state.created_contexts;
  state.context_stack.push_back(&own_context);
  return *context = &own_context, kOk;
}
int cuCtxDestroy_v2(void*) { return kOk; }
int cuCtxGetApiVersion(void*, unsigned* version) { return *version = 12000, kOk; }
int cuCtxGetDevice(int* device) { return *device = 0, current() == nullptr ? kInvalidContext : kOk; }
int cuCtxPushCurrent_v2(void* context) { return state.context_stack.push_back(context), kOk; }
int cuCtxPopCurrent_v2(void** context) {
  if (current() == nullptr) return kInvalidContext;
  *context = current();
  state.context_stack.pop_back();
  return kOk;
}
int cuCtxSynchronize() { return ++state.context_waits, kOk; }
int cuDevicePrimaryCtxRetain(void** context, int) {
  ++state.primary_uses;
  return *context = &primary_context, kOk;
}
int cuDevicePrimaryCtxRelease_v2(int) { return --state.primary_uses, kOk; }
int cuProfilerStop() { return kOk; }

int cuModuleLoadDataEx(void** module, const void* image, unsigned count, int* options, void** values) {
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == kJitMaxRegisters)
      state.max_registers = static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(values[i]));
  state.module = static_cast<const char*>(image);
  ++state.modules;
  return *module = new std::string(state.module), kOk;
}
int cuModuleLoadData(void** module, const void* image) {
  return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr);
}
int cuModuleUnload(void* module) { return delete static_cast<std::string*>(module), kOk; }
/// A function is its name; one that the module does not have is an error, as with the driver.
int cuModuleGetFunction(void** function, void* module, const char* name) {
  const std::string entry = ".entry " + std::string(name);
  if (static_cast<std::string*>(module)->find(entry) == std::string::npos) return 500;  // not found
  return *function = const_cast<char*>(name), kOk;
}

int cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  if (current() == nullptr) return kInvalidContext;
  ++state.allocations;
  return *address = reinterpret_cast<std::uint64_t>(std::malloc(bytes)), kOk;
}
int cuMemFree_v2(std::uint64_t address) { return ++state.frees, std::free(at(address)), kOk; }
int cuMemsetD32Async(std::uint64_t, unsigned, std::size_t, void*) { return ++ticks, kOk; }
int cuMemcpyHtoD_v2(std::uint64_t to, const void* from, std::size_t bytes) {
  return copy(at(to), from, bytes, nullptr);
}
int cuMemcpyDtoH_v2(void* to, std::uint64_t from, std::size_t bytes) { return copy(to, at(from), bytes, nullptr); }
int cuMemcpyDtoD_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
  return copy(at(to), at(from), bytes, nullptr);
}
int cuMemcpyHtoDAsync_v2(std::uint64_t to, const void* from, std::size_t bytes, void* stream) {
  return copy(at(to), from, bytes, stream);
}
int cuMemcpyDtoHAsync_v2(void* to, std::uint64_t from, std::size_t bytes, void* stream) {
  return copy(to, at(from), bytes, stream);
}
int cuMemcpyDtoDAsync_v2(std::uint64_t to, std::uint64_t from, std::size_t bytes, void* stream) {
  return copy(at(to), at(from), bytes, stream);
}
int cuMemcpy3D_v2(const void*) { return kInvalidValue; }
int cuPointerGetAttribute(void*, int, std::uint64_t) { return kInvalidValue; }

int cuLaunchKernel(void* function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared_bytes, void* stream, void**, void**) {
  if (current() == nullptr) return kInvalidContext;
  ++ticks;
  state.launches.push_back(
      {static_cast<const char*>(function), {gx, gy, gz}, {bx, by, bz}, shared_bytes, current(), stream});
  return kOk;
}

int cuStreamCreate(void** stream, unsigned) { return ++state.live_streams, *stream = std::malloc(1), kOk; }
int cuStreamDestroy_v2(void* stream) { return --state.live_streams, std::free(stream), kOk; }
int cuStreamSynchronize(void*) { return ++state.stream_waits, kOk; }
int cuEventCreate(void** event, unsigned) { return ++state.live_events, *event = new std::uint64_t(0), kOk; }
int cuEventDestroy_v2(void* event) { return --state.live_events, delete static_cast<std::uint64_t*>(event), kOk; }
int cuEventRecord(void* event, void*) { return *static_cast<std::uint64_t*>(event) = ticks, kOk; }
/// A tick is a millisecond.
int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
  *milliseconds =
      static_cast<float>(*static_cast<std::uint64_t*>(end)) - static_cast<float>(*static_cast<std::uint64_t*>(begin));
  return kOk;
}

}  // extern "C"
