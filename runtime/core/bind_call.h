#pragma once
// The kernel call that a run of a layer makes, for benchmarks that make it without the layer's checks.

#include <memory>

#include "runtime/core/kernel_call.h"
#include "sepconv/layer.h"

namespace sepconv::detail {

/// A friend of ConvLayer.
struct LayerAccess {
  /// Checks the views as ConvLayer::run does, and fixes everything about the call. The views' memory, the context's
  /// executor and its workspace, which must be given and aligned to kBufferAlignment, must outlive the result.
  /// @throws std::runtime_error with the message of run()'s status; std::invalid_argument for a layer whose run is more
  /// than one kernel call (an activation along an axis, or a batch beyond 32-bit offsets).
  static std::unique_ptr<KernelCall> bind_call(const ConvLayer& layer, const RunContext& context,
                                               const ConstTensorView& in, const TensorView& out);
};

}  // namespace sepconv::detail
