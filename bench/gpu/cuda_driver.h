#pragma once
// An application's own CUDA context and stream, through the driver alone: libcuda.so.1 is opened when it is asked for,
// so that the program builds and starts on machines without it.

#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/gpu.h"

namespace sepconv::bench {

/// The first device's primary context, as applications of the CUDA runtime have it, and a stream in it.
class CudaDriver {
 public:
  /// @throws std::runtime_error naming the call that failed: there is no driver, or no device.
  CudaDriver();
  ~CudaDriver();
  CudaDriver(const CudaDriver&) = delete;
  CudaDriver& operator=(const CudaDriver&) = delete;

  CudaHandles handles() const { return {context_, stream_}; }
  const std::string& device_name() const { return device_name_; }
  int driver_version() const { return driver_version_; }  // of CUDA: 12040
  std::int64_t l2_bytes() const { return l2_bytes_; }

  /// Writes a buffer larger than L2, in the stream.
  void overwrite_l2();

  /// Records the event with this number in the stream; it is made when first used.
  void record(std::size_t event);

  /// Waits for the stream.
  void synchronize();

  /// Seconds between two recorded events that have happened.
  double seconds_between(std::size_t begin, std::size_t end);

 private:
  struct Functions;
  void close() noexcept;

  Functions* functions_ = nullptr;
  int device_ = 0, driver_version_ = 0;
  std::string device_name_;
  std::int64_t l2_bytes_ = 0;
  void* context_ = nullptr;
  void* stream_ = nullptr;
  std::uint64_t buffer_ = 0;
  std::size_t buffer_bytes_ = 0;
  std::vector<void*> events_;
};

}  // namespace sepconv::bench
