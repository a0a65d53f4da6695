#pragma once
// Layers and networks on a GPU: tensors in device memory, the application's own context and stream, no hidden copies
// and no hidden waits. Link sepconv::gpu and a library that was compiled for a GPU target (cuda-sm80, opencl, ...).
//
//   sepconv::use_kernels(mobilenet::kernels());
//   sepconv::GpuContext gpu(sepconv::GpuApi::cuda);
//   sepconv::GpuLayer layer(gpu, sepconv::load_layer("mobilenet.weights", "conv_dw_3"));
//   sepconv::GpuTensor x(gpu, DataType::float32, {8, 56, 56, 128}), y(gpu, DataType::float32, layer.output_shape(8));
//   status = x.copy_from(host_x);    // waits for the copy
//   status = layer.run(x, y);        // starts the kernel
//   status = y.copy_to(host_y);      // waits for the kernel and the copy
//
//   const sepconv::GpuNetwork network(gpu, sepconv::load_network("mobilenet.weights"));
//   status = network.run(image, classes);  // starts the kernels of all layers

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/detail/conv_weights.h"
#include "sepconv/detail/status.h"
#include "sepconv/detail/tensor_view.h"
#include "sepconv/layer.h"
#include "sepconv/network.h"

namespace sepconv {

enum class GpuApi : std::uint8_t { cuda, opencl };

/// The application's CUcontext and a CUstream of it (null: the default stream).
struct CudaHandles {
  void* context = nullptr;
  void* stream = nullptr;
};

/// A device and its work queue. Copies refer to the same context. Device memory that tensors release is kept for later
/// tensors until release_unused_memory().
///
/// CUDA kernels are compiled for the device at their first call. They may use 128 registers per thread, or the number
/// in the environment variable HL_CUDA_JIT_MAX_REGISTERS.
class GpuContext {
 public:
  /// Uses this library's context on the default device (HL_GPU_DEVICE chooses another).
  /// @throws std::runtime_error naming what is missing: the driver, a platform or a device.
  explicit GpuContext(GpuApi api);

  /// Uses the application's context and stream, which must outlive every tensor and layer.
  /// @throws std::invalid_argument without a context; std::runtime_error if the driver refuses it.
  explicit GpuContext(const CudaHandles& handles);

  GpuApi api() const noexcept;

  /// Features of the device: bits from kDeviceCuda50 on (compiled_kernel.h).
  std::uint64_t features() const noexcept;

  /// Waits until all work started here is done, and reports what failed.
  Status synchronize() const noexcept;

  /// Returns unused memory of all contexts to the driver.
  void release_unused_memory() const noexcept;

  struct State;
  const std::shared_ptr<State>& state() const noexcept { return state_; }

 private:
  std::shared_ptr<State> state_;
};

/// Dense elements in device memory, the last axis innermost. Movable, not copyable.
class GpuTensor {
 public:
  /// Uninitialised memory.
  /// @throws std::invalid_argument for a shape that dense_view refuses, an empty one, or 2^31 elements or more;
  ///   std::runtime_error if the device has no memory left.
  GpuTensor(const GpuContext& context, DataType dtype, const Shape& shape);
  ~GpuTensor();
  GpuTensor(GpuTensor&& other) noexcept;
  GpuTensor& operator=(GpuTensor&& other) noexcept;

  DataType dtype() const noexcept;
  const Shape& shape() const noexcept;

  /// Copies a dense host tensor of the same type and shape to the device, or back. Runs after all earlier work and
  /// waits for the copy.
  Status copy_from(const ConstTensorView& host) noexcept;
  Status copy_to(const TensorView& host) const noexcept;

  struct Memory;
  const Memory& memory() const noexcept { return *memory_; }

 private:
  std::unique_ptr<Memory> memory_;
};

/// One ConvProblem with its weights on a device. There is no silent fallback to the CPU: an application that wants one
/// catches the constructor's error and calls the ConvLayer instead.
class GpuLayer {
 public:
  /// Chooses the registered kernel for the context's API that has the highest rank and that the device can run, and
  /// copies the weights to the device.
  /// @param target  restricts the choice to kernels with this target or symbol; empty: SEPCONV_TARGET, else no
  ///   restriction.
  /// @throws std::invalid_argument if no kernel serves, naming each kernel with the reason, or if the problem ends with
  ///   an activation along an axis (softmax, glu), which needs the host.
  /// @throws std::runtime_error if the device fails.
  GpuLayer(const GpuContext& context, std::string name, const ConvProblem& problem, const ConvWeights& weights,
           std::string_view target = {});
  GpuLayer(const GpuContext& context, const ConvLayer& layer, std::string_view target = {})
      : GpuLayer(context, layer.name(), layer.problem(), layer.weights(), target) {}

  const std::string& name() const noexcept;
  const ConvProblem& problem() const noexcept;
  const CompiledKernel& kernel() const noexcept;

  /// {N, H, W, C} or {N, C, H, W}, as the problem's layout says.
  Shape input_shape(std::int64_t batch) const;
  Shape output_shape(std::int64_t batch) const;

  /// Starts the kernel in the context's queue and returns. 1-D problems also take tensors of rank 3, without H. A batch
  /// has at most 65535 images, and a tensor 2^30 elements. Several threads may call it. The next call that waits
  /// reports errors of the kernel itself.
  Status run(const GpuTensor& in, GpuTensor& out) const noexcept { return run(in, nullptr, 0, out); }

  /// The same for a problem whose epilogue reads other tensors.
  /// @param operands  one for each step that has an operand, in order: of the output's shape, or with extents of 1
  ///                  where the step broadcasts.
  Status run(const GpuTensor& in, const GpuTensor* const* operands, std::size_t operand_count,
             GpuTensor& out) const noexcept;

 private:
  struct State;
  std::shared_ptr<const State> state_;
};

/// A whole network on a device. The tensors between its layers lie in one allocation of device memory, at the places
/// that the memory plan of the network has for them. Copies are cheap and share weights and memory.
class GpuNetwork {
 public:
  /// Chooses the kernels of all steps, each as GpuLayer does, and copies the weights to the device.
  /// @param target  restricts the choice to kernels with this target; empty: SEPCONV_TARGET, else no restriction.
  /// @throws std::invalid_argument naming the first step that has no kernel, with the reason; std::runtime_error if the
  ///   device fails.
  GpuNetwork(const GpuContext& context, const Network& network, std::string_view target = {});

  const std::vector<NetworkTensorInfo>& inputs() const noexcept;
  const std::vector<NetworkTensorInfo>& outputs() const noexcept;

  /// Bytes of device memory for the tensors between the layers, for a batch. Weights are not counted.
  /// @throws std::invalid_argument for a batch that is not positive or too large.
  std::size_t workspace_bytes(std::int64_t batch = 1) const;

  /// Allocates the workspace for batches of up to that size, so that no run() of them allocates.
  /// @throws std::invalid_argument as workspace_bytes(), std::runtime_error if the device has no memory left.
  void reserve(std::int64_t batch) const;

  /// Starts the kernels of all steps in the context's queue, one after the other, and returns. Copies nothing, and
  /// waits for nothing. Allocates only where no earlier run() or reserve() was for as large a batch. All tensors have
  /// the same batch; the workspace and each tensor have at most 2^30 elements. No output may be an input or another
  /// output. Several threads may call it; their runs follow each other. The next call that waits reports errors of the
  /// kernels themselves.
  Status run(const GpuTensor* const* inputs, std::size_t input_count, GpuTensor* const* outputs,
             std::size_t output_count) const noexcept;
  /// The same for a network of one input and one output.
  Status run(const GpuTensor& input, GpuTensor& output) const noexcept {
    const GpuTensor* const in = &input;
    GpuTensor* const out = &output;
    return run(&in, 1, &out, 1);
  }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace sepconv
