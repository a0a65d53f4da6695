#pragma once
// Times what is started on a device.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sepconv/gpu.h"

namespace sepconv::bench {

/// What the caches hold when a timed call begins: the call's own data, or something else.
enum class Caches { warm, flushed };

class DeviceTimer {
 public:
  virtual ~DeviceTimer() = default;
  virtual const GpuContext& context() const = 0;
  /// "NVIDIA H100, CUDA 12.4", and how times are taken.
  virtual std::string device() const = 0;
  virtual const char* clock() const = 0;

  /// Seconds of each of `count` calls of `start`, which starts work in the context's queue and throws if it cannot.
  virtual std::vector<double> time(const std::function<void()>& start, int count, Caches caches) = 0;
};

/// CUDA: events in a stream of the application's own context. OpenCL: the wall clock around the call and the wait.
/// @throws std::runtime_error saying what is missing: the driver, a platform or a device.
std::unique_ptr<DeviceTimer> open_device_timer(GpuApi api);

}  // namespace sepconv::bench
