#include "tools/device_probe.h"

#include <dlfcn.h>

#include "generators/compile/process.h"
#include "runtime/core/feature_table.h"

namespace sepconv::tools {
namespace {

/// A driver's library. It stays loaded: drivers do not all survive being unloaded.
class Driver {
 public:
  explicit Driver(const char* library) : handle_(::dlopen(library, RTLD_LAZY | RTLD_LOCAL)) {}
  template <class Function>
  Function* find(const char* name) const {
    return handle_ == nullptr ? nullptr : reinterpret_cast<Function*>(::dlsym(handle_, name));
  }

 private:
  void* handle_;
};

/// From the CUDA driver API: 0 is success, a device is a number, attributes 75 and 76 are the compute capability.
std::uint64_t cuda_devices() {
  const Driver cuda("libcuda.so.1");
  const auto initialise = cuda.find<int(unsigned)>("cuInit");
  const auto get_count = cuda.find<int(int*)>("cuDeviceGetCount");
  const auto get_attribute = cuda.find<int(int*, int, int)>("cuDeviceGetAttribute");
  int count = 0;
  if (!initialise || !get_count || !get_attribute || initialise(0) != 0 || get_count(&count) != 0) return 0;
  std::uint64_t found = 0;
  for (int device = 0; device < count; ++device) {
    int major = 0, minor = 0;
    if (get_attribute(&major, 75, device) != 0 || get_attribute(&minor, 76, device) != 0) continue;
    found |= detail::cuda_device_features(major, minor);
  }
  return found;
}

/// Of OpenCL: 0 is success.
std::uint64_t opencl_devices() {
  constexpr std::uint64_t kAllDevices = 0xffffffff;
  const Driver opencl("libOpenCL.so.1");
  const auto get_platforms = opencl.find<int(unsigned, void**, unsigned*)>("clGetPlatformIDs");
  const auto get_devices = opencl.find<int(void*, std::uint64_t, unsigned, void**, unsigned*)>("clGetDeviceIDs");
  unsigned count = 0;
  void* platforms[16] = {};
  if (!get_platforms || !get_devices || get_platforms(16, platforms, &count) != 0) return 0;
  for (unsigned i = 0; i < count && i < 16; ++i) {
    unsigned devices = 0;
    if (get_devices(platforms[i], kAllDevices, 0, nullptr, &devices) == 0 && devices > 0) return kDeviceOpenCl;
  }
  return 0;
}

constexpr int kFirstDeviceBit = 32;
constexpr double kDriverSeconds = 30;  // a driver may compile code of its own when it starts

/// What `find` finds in a child process: drivers abort, and hang, on machines that they do not like.
std::uint64_t found_in_child(std::uint64_t (*find)()) {
  const generators::ProcessResult result =
      generators::run_forked([find] { return static_cast<int>(find() >> kFirstDeviceBit); }, {kDriverSeconds});
  if (result.end != generators::ProcessResult::End::exited) return 0;
  return static_cast<std::uint64_t>(result.code) << kFirstDeviceBit;
}

}  // namespace

std::uint64_t detected_devices() {
  static const std::uint64_t devices = found_in_child(cuda_devices) | found_in_child(opencl_devices);
  return devices;
}

}  // namespace sepconv::tools
