#pragma once
// A kernel for a device with its weights there, and calls of it on images in device memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gpu/device_runtime.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv {

/// Most elements that a kernel reaches in a memory: from its beginning to an image, and of the images.
inline constexpr std::int64_t kMostReachable = std::int64_t{1} << 30;

/// A batch of images in device memory. Extents and pitches of an image are the problem's.
struct DeviceImages {
  const GpuTensor::Memory* memory = nullptr;
  std::int64_t first_bytes = 0;  // from the beginning of the memory; a multiple of an element
  std::int64_t image_pitch = 0;  // between images, elements
};

class DeviceKernel {
 public:
  /// Chooses the registered kernel of the problem that has the highest rank and that the device can run, and copies the
  /// weights to the device.
  /// @param what     begins the messages: "layer 'x'"
  /// @param command  the options of the `sepconv compile` that would build the kernel: "--layers 'x'"
  /// @param target   restricts the choice to kernels with this target or symbol; empty: SEPCONV_TARGET, else none
  /// @throws std::invalid_argument if no kernel serves, naming each with the reason; std::runtime_error if the device
  ///   fails.
  DeviceKernel(const GpuContext& context, std::string what, const ConvProblem& problem, const ConvWeights& weights,
               const std::string& command, std::string_view target);

  const CompiledKernel& kernel() const noexcept { return *kernel_; }

  /// Starts the kernel in the context's queue. Neither waits nor copies.
  /// @param operands  as many as operands_of(problem) has, in its order
  /// @param batch     images: at most 65535, and no more than kMostReachable elements of any argument
  Status launch(const DeviceImages& in, const DeviceImages* operands, const DeviceImages& out,
                std::int64_t batch) const noexcept;

 private:
  /// The shape of an image as the kernel sees it: up to three axes, innermost first.
  struct Axes {
    int count = 0;
    std::int32_t extents[3], pitches[3];
    std::int64_t span = 0;  // from the first element to behind the last one

    void add(std::int32_t extent, std::int32_t pitch) noexcept;
  };
  struct ImageBuffer;
  static Axes axes_of(Layout layout, const Extents& extents, const Pitches& pitches, bool flat);
  void set_axes();

  std::string what_;
  ConvProblem problem_;
  std::shared_ptr<GpuContext::State> context_;
  const CompiledKernel* kernel_ = nullptr;
  std::vector<ArgumentKind> arguments_;  // kernels for GPUs have static extents, and so take no pads
  Axes input_, output_;
  std::vector<Axes> operands_;
  std::vector<GpuTensor> weights_;  // in the order of the arguments
};

}  // namespace sepconv
