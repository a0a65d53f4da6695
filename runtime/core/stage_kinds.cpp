#include "runtime/core/stage_kinds.h"

namespace sepconv::detail {

const std::array<StageKindEntry, 2>& stage_kinds() {
  static const std::array<StageKindEntry, 2> kinds = {{
      {StageKind::depthwise, "depthwise", "dw",
       [](const Stage& stage, std::int32_t in_channels) { return in_channels * stage.depth_multiplier; },
       [](const Stage& stage, std::int32_t in_channels) {
         return ArrayShape{stage.window.KH, stage.window.KW, in_channels, stage.depth_multiplier};
       },
       [](const Stage& stage, std::int32_t in_channels) {
         return double(stage.window.KH) * stage.window.KW * in_channels * stage.depth_multiplier;
       }},
      {StageKind::conv, "conv", "conv", [](const Stage& stage, std::int32_t) { return stage.out_channels; },
       [](const Stage& stage, std::int32_t in_channels) {
         return ArrayShape{stage.window.KH, stage.window.KW, in_channels, stage.out_channels};
       },
       [](const Stage& stage, std::int32_t in_channels) {
         return double(stage.window.KH) * stage.window.KW * in_channels * stage.out_channels;
       }},
  }};
  return kinds;
}

const StageKindEntry& entry_of(StageKind kind) { return stage_kinds()[static_cast<std::size_t>(kind)]; }

const std::vector<StepKindEntry>& step_kinds() {
  static const std::vector<StepKindEntry> kinds = {
      {EpilogueKind::bias, "bias", true},
      {EpilogueKind::activation, "", false},
  };
  return kinds;
}

const StepKindEntry& entry_of(EpilogueKind kind) { return step_kinds()[static_cast<std::size_t>(kind)]; }

}  // namespace sepconv::detail
