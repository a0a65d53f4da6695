#pragma once
// The properties of each kind of stage and of epilogue step. A new kind is a new entry in these tables.

#include <cstdint>
#include <vector>

#include "sepconv/conv_problem.h"

namespace sepconv::detail {

/// Extents of an array, outermost first.
using ArrayShape = std::vector<std::int64_t>;

struct StageKindEntry {
  StageKind kind;
  const char* text;       // in error messages and names
  const char* text_form;  // in the text form of a problem
  Extents (*output)(const Stage& stage, const Extents& in);
  /// Keras' order; empty for a kind without weights.
  ArrayShape (*weights_shape)(const Stage& stage, std::int32_t in_channels);
  /// Multiply-adds, or comparisons or additions of a pool, for one pixel of the output.
  double (*multiply_adds)(const Stage& stage, std::int32_t in_channels);
  /// Each channel by itself, as a depthwise convolution with as many filters as depth_multiplier.
  bool keeps_channels;
};

/// All kinds, in the order of the enumeration.
const std::vector<StageKindEntry>& stage_kinds();
const StageKindEntry& entry_of(StageKind kind);

struct StepKindEntry {
  EpilogueKind kind;
  const char* text;  // in the text form of a problem and in the names of arguments; activations have texts of their own
  bool has_constant;  // an element for each output channel: an argument of the kernel
  bool has_operand;   // another tensor: an argument of the call
};

/// All kinds, in the order of the enumeration.
const std::vector<StepKindEntry>& step_kinds();
const StepKindEntry& entry_of(EpilogueKind kind);

}  // namespace sepconv::detail
