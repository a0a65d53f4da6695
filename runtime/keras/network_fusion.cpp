// Elementwise layers, padding and 1x1 convolutions as parts of other steps.

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "runtime/core/stage_kinds.h"
#include "runtime/keras/network_passes.h"

namespace sepconv::keras {
namespace {

DraftStep& step_of(Draft& draft, int s) { return draft.steps[static_cast<std::size_t>(s)]; }
const DraftStep& step_of(const Draft& draft, int s) { return draft.steps[static_cast<std::size_t>(s)]; }

Extents extents_in(const ConvProblem& p) { return p.extents_after(0); }
Extents extents_out(const ConvProblem& p) { return p.extents_after(p.stages.size()); }

/// The image's extents, outermost first.
std::array<std::int32_t, 3> memory_extents(Layout layout, const Extents& e) {
  if (layout == Layout::nhwc) return {e.H, e.W, e.C};
  return {e.C, e.H, e.W};
}

void absorb_names(DraftStep& step, const DraftStep& other) {
  step.absorbed.insert(step.absorbed.end(), other.absorbed.begin(), other.absorbed.end());
}

/// What steps of an elementwise step depend on, besides the element itself.
struct Needs {
  bool channels = false, image = false;  // which channel; which pixel of which image
  bool last_axis = false;                // the elements of the innermost axis
};

Needs needs_of(const DraftStep& step) {
  Needs needs;
  for (const EpilogueStep& e : step.problem.stages[0].epilogue) {
    needs.channels = needs.channels || detail::entry_of(e.kind).has_constant ||
                     (has_operand(e) && e.broadcast == Broadcast::channels);
    needs.image = needs.image || (has_operand(e) && e.broadcast == Broadcast::pixels);
    if (e.kind != EpilogueKind::activation || is_elementwise(e.activation.kind)) continue;
    needs.last_axis = true;
    needs.image = needs.image || e.activation.axis != -1;
  }
  return needs;
}

/// True if the maker of an elementwise step's input can apply it. @param through  the tensor that it reads
bool can_apply(const Draft& draft, const DraftStep& maker, const DraftStep& step, int through) {
  if (ends_along_axis(maker.problem)) return false;
  // No kernel reads operands there.
  if (!step.operands.empty() && maker.problem.stages.back().depth_multiplier > 1) return false;
  const NetworkTensor &made = draft.tensor(maker.output).tensor, &read = draft.tensor(through).tensor;
  const NetworkTensor& output = draft.tensor(step.output).tensor;
  const Extents out = extents_out(maker.problem), in = extents_in(step.problem);
  const bool both_nhwc = maker.problem.layout == Layout::nhwc && step.problem.layout == Layout::nhwc;
  const bool same_image = maker.problem.layout == step.problem.layout && out == in && made.images == read.images;
  if (!output.pitches.dense() && !(both_nhwc && same_image)) return false;
  // A view in front of it: as many elements, in the same order.
  const bool reshaped = made.images != read.images || made.shape != read.shape;
  if (reshaped && !step.operands.empty() && !same_image) return false;
  if (made.images != read.images && !draft.is_whole(step.output)) return false;
  if (same_image) return true;
  const Needs needs = needs_of(step);
  if (needs.channels) return both_nhwc && out.C == in.C && !needs.image;
  // A function along an axis: the axes of both are the same in memory.
  if (needs.last_axis && !needs.image && both_nhwc && out.C == in.C) return true;
  if (needs.last_axis || needs.image)
    return step.operands.empty() && !reshaped &&
           memory_extents(maker.problem.layout, out) == memory_extents(step.problem.layout, in);
  return true;
}

/// True if the step's operands are all there when step `s` runs.
bool operands_made_before(const Draft& draft, const DraftStep& step, int s) {
  return std::all_of(step.operands.begin(), step.operands.end(), [&](int operand) {
    const std::vector<int> makers = draft.makers(draft.base(operand));
    return makers.empty() || makers.back() < s;
  });
}

/// Appends an elementwise step to the step that makes its input: in the place of the latter, or, where operands come
/// after that, of the elementwise step.
void append(Draft& draft, int maker, int s) {
  DraftStep merged = step_of(draft, maker);
  const DraftStep& step = step_of(draft, s);
  const NetworkTensor& made = draft.tensor(merged.output).tensor;
  int output = step.output;
  if (made.images != draft.tensor(output).tensor.images) {
    const std::string name = draft.tensor(output).tensor.name;
    output = draft.add_view(output, name, made.shape, made.images);
  }
  Epilogue& epilogue = merged.problem.stages.back().epilogue;
  const Epilogue& more = step.problem.stages[0].epilogue;
  epilogue.insert(epilogue.end(), more.begin(), more.end());
  merged.arrays.insert(merged.arrays.end(), step.arrays.begin(), step.arrays.end());
  merged.operands.insert(merged.operands.end(), step.operands.begin(), step.operands.end());
  absorb_names(merged, step);
  merged.output = output;
  fold_constants(merged);
  const bool stays = operands_made_before(draft, step, maker);
  step_of(draft, stays ? s : maker).dropped = true;
  step_of(draft, stays ? maker : s) = std::move(merged);
}

/// Operands that may change places with the input: those of the first steps, while these are sums or products.
std::size_t exchangeable(const DraftStep& step) {
  const Epilogue& epilogue = step.problem.stages[0].epilogue;
  if (epilogue.empty() || !has_operand(epilogue[0])) return 0;
  if (epilogue[0].kind == EpilogueKind::subtract) return epilogue[0].broadcast == Broadcast::none;
  std::size_t count = 0;
  while (count < epilogue.size() && epilogue[count] == epilogue[0] && epilogue[count].broadcast == Broadcast::none)
    ++count;
  return count;
}

void exchange(DraftStep& step, std::size_t operand) {
  std::swap(step.input, step.operands[operand]);
  Epilogue& epilogue = step.problem.stages[0].epilogue;
  if (epilogue[operand].kind != EpilogueKind::subtract) return;
  // a - b = -b + a.
  epilogue[operand].kind = EpilogueKind::add;
  epilogue.insert(epilogue.begin(), EpilogueStep{EpilogueKind::scale, {}, Broadcast::none});
  step.arrays.insert(step.arrays.begin(), Values(static_cast<std::size_t>(step.problem.IC), -1.0));
}

/// The maker of what the step reads that runs last, if it can apply the step. Exchanges input and operand for it.
int best_maker(Draft& draft, int s) {
  const DraftStep step = step_of(draft, s);
  DraftStep chosen;
  int best = -1;
  const std::size_t others = draft.tensor(step.input).tensor.pitches.dense() ? exchangeable(step) : 0;
  for (std::size_t i = 0; i <= others; ++i) {
    DraftStep candidate = step;
    if (i > 0) exchange(candidate, i - 1);
    const int maker = sole_maker(draft, candidate.input, s);
    if (maker <= best || !can_apply(draft, step_of(draft, maker), candidate, candidate.input)) continue;
    best = maker;
    chosen = std::move(candidate);
  }
  if (best >= 0) step_of(draft, s) = std::move(chosen);
  return best;
}

/// The channels of a constant that a part of the tensor has.
Values part_of(const Values& values, std::int64_t first, std::int64_t count) {
  if (values.empty()) return {};
  return {values.begin() + first, values.begin() + first + count};
}

/// True if each of the makers of a tensor's parts can apply the step to its part.
bool can_distribute(const Draft& draft, const std::vector<int>& makers, int s) {
  const DraftStep& step = step_of(draft, s);
  const int input = step.input;
  const DraftTensor& base = draft.tensor(input);
  if (!draft.is_base(input) || base.is_input || base.is_output || makers.size() < 2 || !step.operands.empty() ||
      draft.readers(input).size() != 1 || needs_of(step).last_axis || step.problem.layout != Layout::nhwc ||
      draft.shape(step.output) != draft.shape(input) || draft.tensor(step.output).tensor.images != base.tensor.images)
    return false;
  return std::all_of(makers.begin(), makers.end(), [&](int m) {
    const DraftStep& maker = step_of(draft, m);
    const Extents part = image_extents(draft.shape(maker.output), Layout::nhwc);
    return maker.problem.layout == Layout::nhwc && !ends_along_axis(maker.problem) &&
           extents_out(maker.problem) == part && draft.tensor(maker.output).tensor.images == base.tensor.images;
  });
}

/// Applies the step in each of several makers: the phases of a transposed convolution, the inputs of a concatenation.
bool distribute(Draft& draft, int s) {
  const int input = step_of(draft, s).input;
  const std::vector<int> makers = draft.makers(draft.base(input));
  if (!can_distribute(draft, makers, s)) return false;
  const DraftStep step = step_of(draft, s);
  const std::int64_t channels = step.problem.IC;
  for (const int m : makers) {
    DraftStep& maker = step_of(draft, m);
    const NetworkTensor& part = draft.tensor(maker.output).tensor;
    Epilogue& epilogue = maker.problem.stages.back().epilogue;
    const Epilogue& more = step.problem.stages[0].epilogue;
    epilogue.insert(epilogue.end(), more.begin(), more.end());
    for (const Values& values : step.arrays)
      maker.arrays.push_back(part_of(values, part.first % channels, extents_out(maker.problem).C));
    absorb_names(maker, step);
    fold_constants(maker);
  }
  draft.move_into(input, step.output);
  step_of(draft, s).dropped = true;
  return true;
}

bool is_zero_padding(const DraftStep& step) {
  const Stage& stage = step.problem.stages[0];
  if (step.problem.stages.size() != 1 || stage.kind != StageKind::copy || !stage.epilogue.empty()) return false;
  return stage.window.stride_h == 1 && stage.window.stride_w == 1 && !stage.window.is_identity();
}

/// Lets the step add the zeros of the padding that it reads.
void take_padding(Draft& draft, int padding, int s) {
  DraftStep &step = step_of(draft, s), &zeros = step_of(draft, padding);
  Window& w = step.problem.stages[0].window;
  const Window& z = zeros.problem.stages[0].window;
  w.pad_top += z.pad_top, w.pad_bottom += z.pad_bottom, w.pad_left += z.pad_left, w.pad_right += z.pad_right;
  step.problem.IH = zeros.problem.IH, step.problem.IW = zeros.problem.IW;
  step.input = zeros.input;
  absorb_names(step, zeros);
  zeros.dropped = true;
}

/// The padding that step `s` alone reads, as it is.
int padding_before(const Draft& draft, int s) {
  const DraftStep& step = step_of(draft, s);
  const int maker = sole_maker(draft, step.input, s);
  if (maker < 0 || !is_zero_padding(step_of(draft, maker))) return -1;
  const ConvProblem& p = step_of(draft, maker).problem;
  const bool as_made =
      p.layout == step.problem.layout && extents_out(p) == extents_in(step.problem) &&
      draft.tensor(step_of(draft, maker).output).tensor.images == draft.tensor(step.input).tensor.images;
  return as_made ? maker : -1;
}

/// True if the tensor's elements are never below zero.
bool never_negative(const Draft& draft, int tensor) {
  const std::vector<int> makers = draft.makers(draft.base(tensor));
  return !makers.empty() && std::all_of(makers.begin(), makers.end(), [&](int m) {
    const Epilogue& epilogue = step_of(draft, m).problem.stages.back().epilogue;
    if (epilogue.empty() || epilogue.back().kind != EpilogueKind::activation) return false;
    const Activation& function = epilogue.back().activation;
    return function.kind == ActivationKind::sigmoid || function.kind == ActivationKind::softplus ||
           (function.kind == ActivationKind::relu && function.negative_slope == 0 && function.threshold >= 0 &&
            function.max_value >= 0);
  });
}

bool is_plain_depthwise(const DraftStep& step) {
  if (step.problem.stages.size() != 1 || step.problem.stages[0].kind != StageKind::depthwise) return false;
  Epilogue epilogue = step.problem.stages[0].epilogue;
  return epilogue == make_epilogue(has_bias(epilogue), activation_of(epilogue)) && !ends_along_axis(step.problem);
}

/// A scale, a bias and a function in front of a 1x1 convolution: a depthwise convolution of one tap. Nothing where the
/// step does more.
std::optional<DraftStep> as_depthwise(const DraftStep& step) {
  if (!is_elementwise_step(step) || is_plain_copy(step) || !step.operands.empty()) return std::nullopt;
  DraftStep depthwise = step;
  Stage& stage = depthwise.problem.stages[0];
  stage.kind = StageKind::depthwise;
  if (stage.epilogue[0].kind == EpilogueKind::scale)
    stage.epilogue.erase(stage.epilogue.begin());  // its constants are the weights
  else
    depthwise.arrays.insert(depthwise.arrays.begin(), Values(static_cast<std::size_t>(step.problem.IC), 1.0));
  return is_plain_depthwise(depthwise) ? std::optional(depthwise) : std::nullopt;
}

bool is_plain_pointwise(const DraftStep& step) {
  return step.problem.stages.size() == 1 && step.problem.stages[0].kind == StageKind::conv &&
         step.problem.stages[0].window.is_identity();
}

}  // namespace

int sole_maker(const Draft& draft, int tensor, int reader) {
  const int base = draft.base(tensor);
  const DraftTensor& memory = draft.tensor(base);
  if (memory.is_input || memory.is_output || !draft.is_whole(tensor)) return -1;
  const std::vector<int> makers = draft.makers(base), readers = draft.readers(base);
  if (makers.size() != 1 || readers != std::vector<int>{reader}) return -1;
  return draft.is_whole(step_of(draft, makers[0]).output) ? makers[0] : -1;
}

void absorb_padding(Draft& draft) {
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    const DraftStep& step = step_of(draft, s);
    const Stage& stage = step.problem.stages[0];
    const bool convolves = stage.kind == StageKind::depthwise || stage.kind == StageKind::conv;
    if (step.dropped || !convolves || (stage.kind == StageKind::conv && stage.window.KH * stage.window.KW == 1))
      continue;
    if (const int padding = padding_before(draft, s); padding >= 0) take_padding(draft, padding, s);
  }
}

void absorb_padding_of_pools(Draft& draft) {
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    const DraftStep& step = step_of(draft, s);
    if (step.dropped || step.problem.stages[0].kind != StageKind::max_pool) continue;
    const int padding = padding_before(draft, s);
    if (padding < 0 || !never_negative(draft, step_of(draft, padding).input)) continue;
    const Window &w = step.problem.stages[0].window, &z = step_of(draft, padding).problem.stages[0].window;
    const bool reaches = w.pad_top + z.pad_top < w.KH && w.pad_bottom + z.pad_bottom < w.KH &&
                         w.pad_left + z.pad_left < w.KW && w.pad_right + z.pad_right < w.KW;
    if (reaches) take_padding(draft, padding, s);
  }
}

void fuse_elementwise(Draft& draft) {
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    if (step_of(draft, s).dropped || !is_elementwise_step(step_of(draft, s))) continue;
    recognise_gate(draft, s);
    fold_constants(step_of(draft, s));
    if (const int maker = best_maker(draft, s); maker >= 0)
      append(draft, maker, s);
    else
      distribute(draft, s);
  }
}

void join_separable(Draft& draft) {
  for (int s = 0; s < static_cast<int>(draft.steps.size()); ++s) {
    DraftStep& step = step_of(draft, s);
    if (step.dropped || !is_plain_pointwise(step)) continue;
    const int maker = sole_maker(draft, step.input, s);
    if (maker < 0) continue;
    const DraftStep depthwise = as_depthwise(step_of(draft, maker)).value_or(step_of(draft, maker));
    if (!is_plain_depthwise(depthwise)) continue;
    if (depthwise.problem.layout != step.problem.layout || extents_out(depthwise.problem) != extents_in(step.problem) ||
        draft.tensor(depthwise.output).tensor.images != draft.tensor(step.input).tensor.images)
      continue;
    ConvProblem joined = depthwise.problem;
    joined.stages.push_back(step.problem.stages[0]);
    try {
      validate(joined);
    } catch (const std::invalid_argument&) {
      continue;  // too large as one problem
    }
    step.problem = std::move(joined);
    step.name = depthwise.name;
    step.input = depthwise.input;
    step.arrays.insert(step.arrays.begin(), depthwise.arrays.begin(), depthwise.arrays.end());
    absorb_names(step, depthwise);
    step_of(draft, maker).dropped = true;
  }
}

}  // namespace sepconv::keras
