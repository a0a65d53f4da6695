#pragma once
// What a kernel computes: an input and the stages applied to it. No schedule, no target.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/detail/activation.h"
#include "sepconv/detail/data_type.h"

namespace sepconv {

/// Order of the axes in memory, outermost first. Keras: channels_last is nhwc, channels_first is nchw.
enum class Layout : std::uint8_t { nhwc, nchw };

/// Marks an extent or a pad that is known only when the kernel runs.
inline constexpr std::int32_t kDynamic = -1;

/// The input elements that a stage reads for an output element: taps (kh, kw) at
/// [oh * stride_h + kh * dilation_h - pad_top, ow * stride_w + kw * dilation_w - pad_left], zeros outside the input.
struct Window {
  std::int32_t KH = 1, KW = 1;
  std::int32_t stride_h = 1, stride_w = 1;
  std::int32_t dilation_h = 1, dilation_w = 1;
  std::int32_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;  // zeros; kDynamic where the extent is

  /// Effective window: (K - 1) * dilation + 1.
  std::int32_t KH_eff() const { return (KH - 1) * dilation_h + 1; }
  std::int32_t KW_eff() const { return (KW - 1) * dilation_w + 1; }
  /// True for one tap without strides and pads: each output element reads the input element in its own place.
  bool is_identity() const;
  /// Output extents; kDynamic if the input's is, 0 if the padded input is smaller than the window.
  std::int32_t OH(std::int32_t IH) const;
  std::int32_t OW(std::int32_t IW) const;
};
bool operator==(const Window& a, const Window& b);
inline bool operator!=(const Window& a, const Window& b) { return !(a == b); }

enum class EpilogueKind : std::uint8_t {
  bias,        // adds a constant to each channel
  activation,  // applies a function
  scale,       // multiplies each channel by a constant
  prelu,       // multiplies what is below 0 by a constant of its channel
  // The others combine the value with an element of another tensor, the step's operand.
  add,
  subtract,  // value - operand
  multiply,
  maximum,
  minimum,
};

/// The shape of a step's operand, an image for each image of the batch. Its elements serve all values that it has no
/// axis for.
enum class Broadcast : std::uint8_t {
  none,      // H x W x C, as the value
  channels,  // 1 x 1 x C: one element for each channel
  pixels,    // H x W x 1: one element for each pixel
};

/// One step that follows a stage's sum.
struct EpilogueStep {
  EpilogueKind kind = EpilogueKind::bias;
  Activation activation = {};             // for EpilogueKind::activation
  Broadcast broadcast = Broadcast::none;  // for steps that have an operand
};
bool operator==(const EpilogueStep& a, const EpilogueStep& b);
inline bool operator!=(const EpilogueStep& a, const EpilogueStep& b) { return !(a == b); }

/// "bias", or the activation's text; "add", "add_c" (Broadcast::channels) or "add_p" (pixels) for a step with an
/// operand.
std::string to_text(const EpilogueStep& step);

/// True for a step that reads another tensor.
bool has_operand(const EpilogueStep& step);

/// The steps in the order in which they are applied. The linear activation is not a step.
using Epilogue = std::vector<EpilogueStep>;

/// What Keras applies after a convolution: the bias, then the activation.
Epilogue make_epilogue(bool bias, const Activation& activation = {});
bool has_bias(const Epilogue& epilogue);
/// The last activation of an epilogue; linear if there is none.
Activation activation_of(const Epilogue& epilogue);
void set_bias(Epilogue& epilogue, bool bias);
/// Replaces the last step if it is an activation, else adds one; a linear activation is no step.
void set_activation(Epilogue& epilogue, const Activation& activation);

enum class StageKind : std::uint8_t {
  depthwise,  // each input channel convolved with its own depth_multiplier filters; output channel c = ic * m + mi
  conv,       // each output channel sums over all input channels; 1x1 is a window, not a kind
  // Without weights; each output channel is made from the input channel of its number.
  max_pool,      // the largest of the taps inside the image; of a NaN and a number either, as in Keras' backends
  average_pool,  // the mean of the taps inside the image
  copy,          // one tap, or zero where it lies outside of the image
  norm,          // (x - mean) / sqrt(variance + epsilon), both over the channels of the pixel
  resize,        // the image sampled at out_H x out_W places
};

/// What a resize makes of the input around a place. As in Keras' image.resize, output pixel i has its centre at
/// (i + 0.5) * in / out of the input, whose pixels have theirs at j + 0.5; in float32 whatever the type.
enum class Interpolation : std::uint8_t {
  nearest,   // the pixel in which the place lies; an upsampling by a whole factor repeats pixels
  bilinear,  // a linear function between the centres of the four pixels around it, first along the row
};

/// What is computed from each window, and its epilogue.
struct Stage {
  StageKind kind = StageKind::depthwise;
  Window window;
  std::int32_t depth_multiplier = 1;  // depthwise only
  std::int32_t out_channels = 0;      // conv only
  Epilogue epilogue;
  double epsilon = 0;                                    // norm only
  std::int32_t out_H = 0, out_W = 0;                     // resize only
  Interpolation interpolation = Interpolation::nearest;  // resize only
};
bool operator==(const Stage& a, const Stage& b);
inline bool operator!=(const Stage& a, const Stage& b) { return !(a == b); }

/// Height, width and channels of an image.
struct Extents {
  std::int32_t H = 1, W = 1, C = 1;
};
bool operator==(const Extents& a, const Extents& b);
inline bool operator!=(const Extents& a, const Extents& b) { return !(a == b); }

/// Distances in elements between rows and between pixels of an nhwc image whose channels are dense: where it is a part
/// of a larger tensor, as one of the inputs of a concatenation is. 0 and 0: the image is dense.
struct Pitches {
  std::int32_t row = 0, pixel = 0;
  bool dense() const { return row == 0 && pixel == 0; }
};
bool operator==(const Pitches& a, const Pitches& b);
inline bool operator!=(const Pitches& a, const Pitches& b) { return !(a == b); }

/// An input and the stages applied to it. A 1-D layer is the 2-D problem with IH = KH = 1 (its steps lie along W). The
/// batch is always free, so it is not part of the problem. A Keras separable convolution is a depthwise stage and a
/// conv stage with a 1x1 window.
struct ConvProblem {
  DataType dtype = DataType::float32;  // of input and output; a floating point type
  bool strict_float = false;           // products and sums in one fixed order, never contracted (docs/numerics.md)
  Layout layout = Layout::nhwc;
  std::int32_t IH = 1, IW = 1;  // input extents, or kDynamic
  std::int32_t IC = 1;          // input channels
  Pitches input_pitches, output_pitches;
  std::vector<Stage> stages;

  /// Extents of the output of the first `count` stages; dynamic extents stay kDynamic.
  Extents extents_after(std::size_t count) const;
  /// Output extents; kDynamic if the input's is.
  std::int32_t OH() const { return extents_after(stages.size()).H; }
  std::int32_t OW() const { return extents_after(stages.size()).W; }
  std::int32_t OC() const { return extents_after(stages.size()).C; }
  bool has(StageKind kind) const;
  /// True if H (or W) is known only at run time.
  bool dynamic_h() const { return IH == kDynamic; }
  bool dynamic_w() const { return IW == kDynamic; }
  bool is_dynamic() const { return dynamic_h() || dynamic_w(); }
  /// Operations per image, a multiply-add counted as two; requires static extents.
  double flops() const;
};

bool operator==(const ConvProblem& a, const ConvProblem& b);
inline bool operator!=(const ConvProblem& a, const ConvProblem& b) { return !(a == b); }

/// "depthwise", "pointwise" (one conv stage with a 1x1 window) or "separable" (both, in this order).
/// Any other list: the kinds of its stages joined by '+'.
std::string stages_name(const ConvProblem& problem);

/// The problem that a kernel computes: without an activation along an axis, which the runtime applies afterwards.
ConvProblem kernel_problem(ConvProblem problem);

/// Type in which sums and epilogues are computed: float64 for float64, else float32. In the 16-bit types, a depthwise
/// result is rounded to the type before its epilogue, and every stage's result once after it.
DataType accumulator_type(DataType dtype);

/// The text form, for example "f32_nhwc_i56x56x64.dw_k3x3_s2x2_p0x1x0x1_m2.relu6.conv_o128_k1x1.bias.relu": data type
/// (f32, f64, f16 or bf16, followed by "strict" in strict mode), layout, input HxWxC, and the pitches row x pixel of
/// the input ("_x") and the output ("_y") where these are not dense; then each stage with its output channels (conv),
/// window, strides, dilation, pads top x bottom x left x right, depth multiplier (depthwise) and epsilon (norm), and
/// the steps of its epilogue. A resize has its output extents and interpolation ("resize_o28x28_bilinear") in place of
/// a window. Fields without effect are omitted; "?" means dynamic.
std::string to_text(const ConvProblem& problem);

/// Parses the text form and validates the problem.
/// @throws std::invalid_argument naming the field, the value and what is allowed.
ConvProblem problem_from_text(std::string_view text);

/// Checks the invariants: at least one stage, positive extents, pads >= 0, only fields of the stage's kind, sizes
/// whose products fit, and non-empty outputs.
/// All epilogues but the last need elementwise activations.
/// @throws std::invalid_argument naming the field, the value and what is allowed.
void validate(const ConvProblem& problem);

/// The same problem with H, W and the pads that depend on them dynamic ("same" padding depends on the extent).
/// A 1-D problem (IH = KH = 1) stays static in H.
ConvProblem with_dynamic_extents(ConvProblem problem);

const char* to_text(StageKind kind);
const char* to_text(Interpolation interpolation);
const char* to_text(Layout layout);

}  // namespace sepconv
