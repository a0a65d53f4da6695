#pragma once
// A problem on a target as its kernel sees it. Rules, checks, schedules, generators and estimates read it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "generators/spec/target.h"
#include "sepconv/conv_problem.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::generators {

/// The lists of stages that have a generator. A new family is a new entry here, in family_of() and in to_text().
enum class KernelFamily : std::uint8_t {
  depthwise,  // one stage that keeps channels apart: a depthwise convolution, a pool, a copy
  pointwise,  // one conv stage of a 1x1 window, strided and padded or not
  conv,       // one conv stage of any other window
  separable,  // a depthwise stage, then an unstrided and unpadded conv stage of a 1x1 window
  norm,       // one norm stage
  resize,     // one resize stage
  axis,       // on GPUs: a plain copy with an activation along an axis
};

/// "depthwise": also the name of the generator for CPUs, where they have one.
const char* to_text(KernelFamily family);

/// Why no generator compiles the problem's list of stages, or nothing.
std::optional<std::string> why_not_compiled(const ConvProblem& problem);

/// A problem of one of the families, with its facts side by side. Made by lower() only, so that none of its steps can
/// be forgotten:
///   - an activation along an axis is left to the runtime, but for problems on GPUs that have nothing else;
///   - a pointwise problem without strides and pads is the 1-D problem over all its pixels;
///   - vectors have the lanes of the type of sums.
struct Lowering {
  KernelFamily family = KernelFamily::separable;
  StageKind kind = StageKind::depthwise;  // of the first stage
  DataType dtype = DataType::float32;
  bool strict_float = false;
  Layout layout = Layout::nhwc;
  std::int32_t IH = 1, IW = 1, IC = 1;  // extents may be kDynamic
  std::int32_t OC = 1;
  Pitches input_pitches, output_pitches;
  Window window;  // of the first stage
  std::int32_t depth_multiplier = 1;
  double epsilon = 0;                                    // norm only
  std::int32_t out_H = 0, out_W = 0;                     // resize and axis only
  Interpolation interpolation = Interpolation::nearest;  // resize only
  Activation along;                                      // axis only: along the channels, or along the columns
  Epilogue middle;                                       // between the stages; separable only
  Epilogue output;
  double flops = 0;                 // of one image, a multiply-add counted as two; 0 where extents are dynamic
  std::vector<Argument> arguments;  // of the kernel, in its order
  Target target;                    // its lanes are those of the type of sums

  bool has_depthwise() const { return family == KernelFamily::depthwise || family == KernelFamily::separable; }
  /// Schedules have a depthwise part: a register tile of channels and columns.
  bool tiles_channels() const { return !has_pointwise() || has_depthwise(); }
  bool has_filter() const { return kind == StageKind::depthwise; }
  /// True where a row of the output does not begin a pixel's pitch behind the last one's end.
  bool rows_apart() const {
    return !output_pitches.dense() && output_pitches.row != OW() * std::int64_t{output_pitches.pixel};
  }
  /// A GEMM over the channels of a pixel, or of its taps.
  bool has_pointwise() const {
    return family == KernelFamily::pointwise || family == KernelFamily::conv || family == KernelFamily::separable;
  }
  /// The last stage's result is rounded to the type before its epilogue, as it is the output of a layer of Keras'.
  bool rounds_result() const { return family == KernelFamily::depthwise || family == KernelFamily::resize; }
  /// False for a stage that has no window: its register tiles stay inside of the output.
  bool has_taps() const { return family != KernelFamily::resize && !reduces_lines() && family != KernelFamily::axis; }
  /// Each output element depends on all elements of its line: on the channels of its pixel, or along_columns() on the
  /// elements of its row and channel.
  bool reduces_lines() const {
    return family == KernelFamily::norm || (family == KernelFamily::axis && along.kind != ActivationKind::glu);
  }
  bool along_columns() const { return reduces_lines() && family == KernelFamily::axis && along.axis == -2; }
  std::int32_t line_elements() const { return along_columns() ? IW : IC; }
  std::int32_t lines() const { return along_columns() ? IH * IC : OH() * OW(); }
  /// Planes of IC channels that the GEMM sums over: the multipliers of a depthwise stage, or the taps of a conv's
  /// window.
  std::int32_t planes() const { return family == KernelFamily::conv ? window.KH * window.KW : depth_multiplier; }
  /// Channels that the GEMM reads of a pixel, its K: those between the stages where there are two.
  std::int32_t middle_channels() const { return IC * planes(); }
  bool dynamic_h() const { return IH == kDynamic; }
  bool dynamic_w() const { return IW == kDynamic; }
  bool is_dynamic() const { return dynamic_h() || dynamic_w(); }
  std::int32_t OH() const { return out_H != 0 ? out_H : window.OH(IH); }
  std::int32_t OW() const { return out_W != 0 ? out_W : window.OW(IW); }
};

/// @throws std::invalid_argument with why_not_compiled()'s reason.
Lowering lower(const ConvProblem& problem, const Target& target);

/// Bytes of an element of the sums, in which what lies between input and output is kept too.
inline std::int64_t sum_bytes(const Lowering& p) {
  return static_cast<std::int64_t>(size_bytes(accumulator_type(p.dtype)));
}

}  // namespace sepconv::generators
