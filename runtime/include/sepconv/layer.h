#pragma once
// A compiled convolution with its weights. The Keras layers, the model loader and the tools call it.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/detail/context.h"
#include "sepconv/detail/conv_weights.h"
#include "sepconv/detail/status.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {

namespace detail {
struct LayerAccess;
}

/// One ConvProblem and its weights. Copies are cheap and share the weights, packed ones included.
///
/// The first call of kernel(), workspace_bytes() or run() chooses a registered kernel and keeps it: the highest rank
/// that this CPU can run and, at equal rank, static extents before dynamic ones. The environment variable
/// SEPCONV_TARGET ("x86-64-avx2") restricts the choice to the kernels of one target. If no kernel is found, the next
/// call looks again. All const members may be called from several threads at once.
class ConvLayer {
 public:
  /// @throws std::invalid_argument if the problem is invalid or the weights do not fit it.
  ConvLayer(std::string name, ConvProblem problem, ConvWeights weights);
  // A move copies, so a moved-from layer can still be called.
  ConvLayer(const ConvLayer&) = default;
  ConvLayer& operator=(const ConvLayer&) = default;

  const std::string& name() const noexcept;
  const ConvProblem& problem() const noexcept;
  const ConvWeights& weights() const noexcept;

  /// Computes `out` from `in`, both in the problem's layout: {N, H, W, C} or {N, C, H, W}. A 1-D problem (IH = KH = 1)
  /// also takes rank 3, without H. H, W and C must be dense, or have the problem's pitches; the batch pitch is free.
  /// The views must not overlap. In a dynamic problem, the output extents must match Keras' "valid" or "same" padding
  /// and so select it. Never throws, aborts or prints. The output is untouched unless the status is ok or
  /// kernel_failed.
  Status run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept;

  /// The same for a problem whose epilogue reads other tensors.
  /// @param operands  one for each step that has an operand, in order: of the output's shape, or with extents of 1
  /// where
  ///                  the step broadcasts. Their batch is the output's; they must not overlap the output.
  Status run(const RunContext& context, const ConstTensorView& in, const ConstTensorView* operands,
             std::size_t operand_count, const TensorView& out) const noexcept;

  /// Bytes of workspace that run() needs with the context's executor; 0 if the kernel needs none.
  /// With dynamic extents and glu, a call also needs room for one image of kernel output; its status says how much.
  /// @throws std::invalid_argument if there is no kernel; the message includes why_not().
  std::size_t workspace_bytes(const RunContext& context = {}) const;

  /// The kernel that run() calls, or nullptr if no registered kernel serves.
  const CompiledKernel* kernel() const;

  /// One line for each registered kernel: taken, or why it was refused.
  std::string why_not() const;

  /// Restricts the choice to kernels with this symbol or target, and chooses now. An empty string lifts the
  /// restriction. Must not be called while another thread uses this object. Other copies are not affected.
  /// @throws std::invalid_argument if no such kernel can serve: it is unknown, made for another problem, or needs CPU
  /// features that are missing, which the message names. The layer is then unchanged.
  void force_kernel(std::string_view symbol_or_target);

  /// The same layer for other extents and pads. Shares the weights; no kernel is forced.
  /// @throws std::invalid_argument if the problem is invalid or needs other weights.
  ConvLayer with_problem(const ConvProblem& problem) const;

 private:
  friend struct detail::LayerAccess;
  struct State;
  struct CallOperands;
  Status run_views(const RunContext& context, const ConstTensorView& in, const CallOperands& operands,
                   const TensorView& out) const noexcept;
  explicit ConvLayer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

/// Loads the layer `name` from a weights file (weights_file.h).
/// @throws std::invalid_argument if the file is damaged or has no such layer; the message lists its layers.
ConvLayer load_layer(const std::filesystem::path& weights_file, std::string_view name);

}  // namespace sepconv
