#include "bench/gpu/device_timer.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "bench/gpu/cuda_driver.h"

namespace sepconv::bench {
namespace {

class CudaTimer : public DeviceTimer {
 public:
  const GpuContext& context() const override { return context_; }
  std::string device() const override {
    const int version = driver_.driver_version();
    return driver_.device_name() + ", CUDA " + std::to_string(version / 1000) + "." +
           std::to_string(version % 1000 / 10);
  }
  const char* clock() const override { return "CUDA events"; }

  std::vector<double> time(const std::function<void()>& start, int count, Caches caches) override {
    return caches == Caches::warm ? warm(start, count) : flushed(start, count);
  }

 private:
  /// While the device writes the buffer, the host queues a series of calls: no call then waits for the host. The first
  /// of each series finds the caches full of the buffer and is left out.
  std::vector<double> warm(const std::function<void()>& start, int count) {
    constexpr std::size_t kSeries = 10, kWrites = 4;
    std::vector<double> times;
    while (times.size() < static_cast<std::size_t>(count)) {
      for (std::size_t i = 0; i < kWrites; ++i) driver_.overwrite_l2();
      start();
      for (std::size_t i = 0; i < kSeries; ++i) {
        driver_.record(i);
        start();
      }
      driver_.record(kSeries);
      driver_.synchronize();
      for (std::size_t i = 0; i < kSeries; ++i) times.push_back(driver_.seconds_between(i, i + 1));
    }
    times.resize(static_cast<std::size_t>(count));
    return times;
  }

  std::vector<double> flushed(const std::function<void()>& start, int count) {
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      driver_.overwrite_l2();
      driver_.record(0);
      start();
      driver_.record(1);
      driver_.synchronize();
      times.push_back(driver_.seconds_between(0, 1));
    }
    return times;
  }

  CudaDriver driver_;
  GpuContext context_{driver_.handles()};
};

class WallTimer : public DeviceTimer {
 public:
  const GpuContext& context() const override { return context_; }
  std::string device() const override { return "OpenCL device"; }
  const char* clock() const override { return "wall clock"; }

  std::vector<double> time(const std::function<void()>& start, int count, Caches caches) override {
    using Clock = std::chrono::steady_clock;
    std::vector<double> times;
    for (int i = 0; i < count; ++i) {
      if (caches == Caches::flushed) check(buffer_.copy_from(dense_view(host_.data(), buffer_.shape())));
      const auto begin = Clock::now();
      start();
      check(context_.synchronize());
      times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    }
    return times;
  }

 private:
  static void check(const Status& status) {
    if (!status.ok()) throw std::runtime_error(status.message());
  }

  static constexpr std::int64_t kElements = 16 << 20;  // 64 MiB
  GpuContext context_{GpuApi::opencl};
  GpuTensor buffer_{context_, DataType::float32, {kElements}};
  std::vector<float> host_ = std::vector<float>(kElements);
};

}  // namespace

std::unique_ptr<DeviceTimer> open_device_timer(GpuApi api) {
  if (api == GpuApi::cuda) return std::make_unique<CudaTimer>();
  return std::make_unique<WallTimer>();
}

}  // namespace sepconv::bench
