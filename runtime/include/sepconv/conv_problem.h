#pragma once
// WHAT a kernel computes: extents, window, padding, layout, data type and epilogues. No schedule, no target.

#include <cstdint>
#include <string>
#include <string_view>

#include "sepconv/detail/activation.h"
#include "sepconv/detail/data_type.h"

namespace sepconv {

enum class ConvOp : std::uint8_t {
  depthwise,  // each input channel convolved with its own depth_multiplier filters
  pointwise,  // 1x1 convolution, possibly strided
  separable,  // depthwise, the middle epilogue, then pointwise
};

/// Order of the axes in memory, outermost first. Keras: channels_last is nhwc, channels_first is nchw.
enum class Layout : std::uint8_t { nhwc, nchw };

/// Marks an extent or a pad that is known only when the kernel runs.
inline constexpr std::int32_t kDynamic = -1;

/// Bias and activation applied after a stage's sum: activation(sum + bias).
struct Epilogue {
  bool bias = false;
  Activation activation;
};

/// One convolution. A 1-D layer is the 2-D problem with IH = KH = 1 (its steps lie along W).
///   D[n,oh,ow,q]  = middle(sum_{kh,kw} X[n, oh*stride_h + kh*dilation_h - pad_top, ow*stride_w + ..., q / m] *
///   KD[kh,kw,q/m,q%m]) out[n,oh,ow,f] = output(sum_q D[n,oh,ow,q] * KP[q,f])
/// with m = depth_multiplier and X zero outside. Depthwise has only D (its epilogue is `output`); pointwise has only
/// the second line, over the input sampled by the strides. The batch is always free and so not part of the problem.
struct ConvProblem {
  ConvOp op = ConvOp::separable;
  DataType dtype = DataType::float32;  // of input and output; a floating point type
  bool strict_float = false;           // products and sums in one stated order, never contracted (docs/numerics.md)
  Layout layout = Layout::nhwc;
  std::int32_t IH = 1, IW = 1;  // input extents, or kDynamic
  std::int32_t IC = 1;          // input channels
  std::int32_t OC = 1;          // output channels; IC * depth_multiplier for depthwise
  std::int32_t KH = 1, KW = 1;
  std::int32_t stride_h = 1, stride_w = 1;
  std::int32_t dilation_h = 1, dilation_w = 1;
  std::int32_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;  // zeros; kDynamic where the extent is
  std::int32_t depth_multiplier = 1;
  Epilogue middle;  // between the stages; separable only
  Epilogue output;

  /// Effective window: (K - 1) * dilation + 1.
  std::int32_t KH_eff() const { return (KH - 1) * dilation_h + 1; }
  std::int32_t KW_eff() const { return (KW - 1) * dilation_w + 1; }
  /// Channels between the stages: IC * depth_multiplier; the K of the pointwise GEMM.
  std::int32_t middle_channels() const { return IC * depth_multiplier; }
  bool has_depthwise() const { return op != ConvOp::pointwise; }
  bool has_pointwise() const { return op != ConvOp::depthwise; }
  /// True where H (or W) is known only at run time.
  bool dynamic_h() const { return IH == kDynamic; }
  bool dynamic_w() const { return IW == kDynamic; }
  bool is_dynamic() const { return dynamic_h() || dynamic_w(); }
  /// Output extents; kDynamic where the input's is.
  std::int32_t OH() const;
  std::int32_t OW() const;
  /// Multiply-adds counted as two operations, for one image; requires static extents.
  double flops() const;
};

bool operator==(const ConvProblem& a, const ConvProblem& b);
inline bool operator!=(const ConvProblem& a, const ConvProblem& b) { return !(a == b); }

/// The problem that a kernel computes: an activation along an axis is applied after the kernel, by the runtime.
ConvProblem kernel_problem(ConvProblem problem);

/// Type that sums and epilogues are computed in: float64 for float64, else float32. In the 16-bit types the depthwise
/// result is rounded to the type before its epilogue, and every stage's result once after it.
DataType accumulator_type(DataType dtype);

/// The one text form, for example
/// "separable_f32_nhwc_i56x56x128_o128_k3x3_s1x1_d1x1_p1x1x1x1_m1_mid-none_out-bias-relu":
/// input HxWxC ("?" for dynamic), output channels, window, stride, dilation, pads top x bottom x left x right,
/// depth multiplier, epilogues. Data types are f32, f64, f16 and bf16, with "strict" behind them in the strict mode.
std::string to_text(const ConvProblem& problem);

/// Reads what to_text wrote and validates it.
/// @throws std::invalid_argument naming the field, the value and what is allowed.
ConvProblem problem_from_text(std::string_view text);

/// Checks the invariants: positive extents, pads >= 0, OC matching the op, sizes whose products fit, output not empty.
/// @throws std::invalid_argument naming the field, the value and what is allowed.
void validate(const ConvProblem& problem);

/// The same problem with H, W and the pads that depend on them dynamic ("same" padding depends on the extent).
/// A 1-D problem (IH = KH = 1) stays static in H.
ConvProblem with_dynamic_extents(ConvProblem problem);

const char* to_text(ConvOp op);
const char* to_text(Layout layout);

}  // namespace sepconv
