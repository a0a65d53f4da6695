#pragma once
// A compiled convolution with its weights: what the Keras layers, the model loader and the tools call.

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
/// The kernel is chosen at the first need (kernel(), workspace_bytes() or run()) among the registered kernels, and
/// kept: the highest rank that this CPU can run; of equals, static extents before dynamic ones. The environment
/// variable SEPCONV_TARGET ("x86-64-avx2") restricts the choice to one target's kernels. While no kernel is found, each
/// need looks again. All const members may be called from several threads at once.
class ConvLayer {
 public:
  /// @throws std::invalid_argument if the problem is invalid or the weights do not fit it.
  ConvLayer(std::string name, ConvProblem problem, ConvWeights weights);
  // A move copies: a layer that was moved from can still be called.
  ConvLayer(const ConvLayer&) = default;
  ConvLayer& operator=(const ConvLayer&) = default;

  const std::string& name() const noexcept;
  const ConvProblem& problem() const noexcept;
  const ConvWeights& weights() const noexcept;

  /// Computes `out` from `in`, both in the problem's layout: {N, H, W, C} or {N, C, H, W}; a 1-D problem (IH = KH = 1)
  /// also takes rank 3, without H. H, W and C must be dense, the batch pitch is free; the views must not overlap. With
  /// a dynamic problem the output's extents are those of Keras' "valid" or "same" padding, which is then used.
  /// Never throws, aborts or prints; the output is untouched unless the status is ok or kernel_failed.
  Status run(const RunContext& context, const ConstTensorView& in, const TensorView& out) const noexcept;

  /// Bytes of workspace that run() needs with the context's executor; 0 if the kernel needs none.
  /// With dynamic extents and glu, a call needs an image of the kernel's output more: its status says how much.
  /// @throws std::invalid_argument if there is no kernel, with why_not().
  std::size_t workspace_bytes(const RunContext& context = {}) const;

  /// The kernel that run() calls, or nullptr if no registered kernel serves.
  const CompiledKernel* kernel() const;

  /// A line for every registered kernel: taken, or why it was refused.
  std::string why_not() const;

  /// Restricts the choice to kernels with this symbol or of this target, and makes it now. An empty text lifts the
  /// restriction. Not while another thread uses this object; other copies are not affected.
  /// @throws std::invalid_argument, leaving the layer as it was, if no such kernel can serve: unknown, made for another
  /// problem, or needing CPU features that are missing, which the message names.
  void force_kernel(std::string_view symbol_or_target);

  /// The same layer for other extents and pads, sharing the weights; without a forced kernel.
  /// @throws std::invalid_argument if the problem is invalid or asks for other weights.
  ConvLayer with_problem(const ConvProblem& problem) const;

 private:
  friend struct detail::LayerAccess;
  struct State;
  explicit ConvLayer(std::shared_ptr<const State> state);
  std::shared_ptr<const State> state_;
};

/// The layer called `name` of a weights file (weights_file.h).
/// @throws std::invalid_argument if the file is damaged or has no such layer; the message lists those it has.
ConvLayer load_layer(const std::filesystem::path& weights_file, std::string_view name);

}  // namespace sepconv
