#pragma once
// A kernel called directly, with everything about the call made ready before: the least that a layer's run can cost.

#include "halide_buffer.h"
#include "kernel_context.h"
#include "sepconv/detail/kernel_row.h"
#include "sepconv/layer.h"

namespace bench {

/// The very call that a run of a layer makes, on the same memory. For problems with fixed extents.
class RawCall {
 public:
  /// Runs the layer once under the row, and keeps the arguments that its kernel gets.
  /// @param context  with a workspace that is aligned to cache lines
  /// @throws std::runtime_error with the status's message.
  RawCall(const sepconv::ConvLayer& layer, const sepconv::KernelRow& row, const sepconv::RunContext& context,
          const sepconv::ConstTensorView& in, const sepconv::TensorView& out);
  RawCall(const RawCall&) = delete;
  RawCall& operator=(const RawCall&) = delete;

  /// @return the kernel's error code, or 0.
  int operator()() { return function_(argv_); }

 private:
  struct Buffer {
    sepconv::detail::HalideDimension dims[4];
    sepconv::detail::HalideBuffer buffer;
  };
  static int keep_and_call(void** argv);
  void keep(void** argv);

  sepconv::KernelFunction function_;
  sepconv::detail::CallContext context_;
  sepconv::KernelContext* services_;
  int buffer_count_;
  Buffer buffers_[6];  // input, four of weights, output
  void* argv_[7];
};

}  // namespace bench
