#include "runtime/core/stage_kinds.h"

namespace sepconv::detail {
namespace {

Extents windows(const Stage& stage, const Extents& in, std::int32_t channels) {
  return {stage.window.OH(in.H), stage.window.OW(in.W), channels};
}
Extents same_channels(const Stage& stage, const Extents& in) { return windows(stage, in, in.C); }
ArrayShape no_weights(const Stage&, std::int32_t) { return {}; }
double taps(const Stage& stage, std::int32_t in_channels) {
  return double(stage.window.KH) * stage.window.KW * in_channels;
}
double no_operations(const Stage&, std::int32_t) { return 0; }
Extents resized(const Stage& stage, const Extents& in) { return {stage.out_H, stage.out_W, in.C}; }
/// Three linear functions.
double operations_of_resize(const Stage& stage, std::int32_t in_channels) {
  return stage.interpolation == Interpolation::nearest ? 0 : 3.0 * in_channels;
}
/// Additions to the sum and the sum of squares, differences, and the product.
double operations_of_norm(const Stage&, std::int32_t in_channels) { return 4.0 * in_channels; }

}  // namespace

const std::vector<StageKindEntry>& stage_kinds() {
  static const std::vector<StageKindEntry> kinds = {
      {StageKind::depthwise, "depthwise", "dw",
       [](const Stage& stage, const Extents& in) { return windows(stage, in, in.C * stage.depth_multiplier); },
       [](const Stage& stage, std::int32_t in_channels) {
         return ArrayShape{stage.window.KH, stage.window.KW, in_channels, stage.depth_multiplier};
       },
       [](const Stage& stage, std::int32_t in_channels) {
         return double(stage.window.KH) * stage.window.KW * in_channels * stage.depth_multiplier;
       },
       true},
      {StageKind::conv, "conv", "conv",
       [](const Stage& stage, const Extents& in) { return windows(stage, in, stage.out_channels); },
       [](const Stage& stage, std::int32_t in_channels) {
         return ArrayShape{stage.window.KH, stage.window.KW, in_channels, stage.out_channels};
       },
       [](const Stage& stage, std::int32_t in_channels) {
         return double(stage.window.KH) * stage.window.KW * in_channels * stage.out_channels;
       },
       false},
      {StageKind::max_pool, "max_pool", "maxpool", same_channels, no_weights, taps, true},
      {StageKind::average_pool, "average_pool", "avgpool", same_channels, no_weights, taps, true},
      {StageKind::copy, "copy", "copy", same_channels, no_weights, no_operations, true},
      {StageKind::norm, "norm", "norm", same_channels, no_weights, operations_of_norm, false},
      {StageKind::resize, "resize", "resize", resized, no_weights, operations_of_resize, false},
  };
  return kinds;
}

const StageKindEntry& entry_of(StageKind kind) { return stage_kinds()[static_cast<std::size_t>(kind)]; }

const std::vector<StepKindEntry>& step_kinds() {
  static const std::vector<StepKindEntry> kinds = {
      {EpilogueKind::bias, "bias", true, false},    {EpilogueKind::activation, "", false, false},
      {EpilogueKind::scale, "scale", true, false},  {EpilogueKind::prelu, "prelu", true, false},
      {EpilogueKind::add, "add", false, true},      {EpilogueKind::subtract, "sub", false, true},
      {EpilogueKind::multiply, "mul", false, true}, {EpilogueKind::maximum, "max", false, true},
      {EpilogueKind::minimum, "min", false, true},
  };
  return kinds;
}

const StepKindEntry& entry_of(EpilogueKind kind) { return step_kinds()[static_cast<std::size_t>(kind)]; }

}  // namespace sepconv::detail
