// Where tensors lie: outputs in memory of their own, inputs of a concatenation inside of its output.

#include <algorithm>

#include "runtime/keras/network_passes.h"

namespace sepconv::keras {
namespace {

/// A tensor of its own with a copy of the output.
int copied(Draft& draft, int output) {
  const DraftTensor source = draft.tensor(output);
  DraftStep step;
  step.name = source.tensor.name;
  step.problem.dtype = source.tensor.dtype;
  const Extents image = image_extents(source.tensor.shape, Layout::nhwc);
  step.problem.IH = image.H, step.problem.IW = image.W, step.problem.IC = image.C;
  step.problem.stages = {copy_stage()};
  step.input = output;
  step.output = draft.add_tensor(source.tensor.name, source.tensor.shape, source);
  draft.tensor(step.output).is_input = draft.tensor(step.output).is_output = false;
  const int result = step.output;
  draft.steps.push_back(std::move(step));
  return result;
}

/// True if the tensor is rows, pixels or channels of its base's image: memory that pitches can describe.
bool is_image_part(const Draft& draft, int tensor) {
  const NetworkTensor &t = draft.tensor(tensor).tensor, &b = draft.tensor(t.base).tensor;
  if (t.shape.size() > 3 || b.shape.size() > 3 || t.images != b.images) return false;
  const Extents part = image_extents(t.shape, Layout::nhwc), whole = image_extents(b.shape, Layout::nhwc);
  if (!t.pitches.dense()) return true;
  const bool rows = part.W == whole.W && part.C == whole.C, channels = part.H * part.W == 1 && part.C <= whole.C;
  return rows || channels;
}

/// True if the step works on a part with pitches where it worked on a dense tensor. It may not use it as an operand.
bool can_use_part(const Draft& draft, const DraftStep& step, int base, bool pitched) {
  for (const int operand : step.operands)
    if (draft.base(operand) == base) return false;
  const auto fits = [&](int tensor, const Extents& extents) {
    if (draft.tensor(tensor).tensor.images != draft.tensor(base).tensor.images) return false;
    return !pitched || (step.problem.layout == Layout::nhwc && is_image_part(draft, tensor) &&
                        image_extents(draft.shape(tensor), Layout::nhwc) == extents);
  };
  const ConvProblem& p = step.problem;
  if (draft.base(step.input) == base && !fits(step.input, p.extents_after(0))) return false;
  if (draft.base(step.output) != base) return true;
  return fits(step.output, p.extents_after(p.stages.size())) && !(pitched && ends_along_axis(p));
}

/// True if the tensor, which a step copies into a part, may lie in that part.
bool can_place(const Draft& draft, int tensor, int part) {
  const DraftTensor &t = draft.tensor(tensor), &p = draft.tensor(part);
  if (!draft.is_base(tensor) || draft.is_base(part) || t.is_input || t.is_output || t.tensor.shape != p.tensor.shape ||
      t.tensor.images != p.tensor.images || draft.base(part) == tensor || draft.makers(tensor).empty())
    return false;
  const bool pitched = !p.tensor.pitches.dense();
  return std::all_of(draft.steps.begin(), draft.steps.end(),
                     [&](const DraftStep& step) { return step.dropped || can_use_part(draft, step, tensor, pitched); });
}

}  // namespace

void separate_outputs(Draft& draft) {
  for (int& output : draft.outputs) {
    const int base = draft.base(output);
    const DraftTensor& memory = draft.tensor(base);
    if (memory.is_input || memory.is_output || !draft.is_whole(output)) output = copied(draft, output);
    const NetworkTensor tensor = draft.tensor(output).tensor;
    const std::vector<std::int64_t> shape = port_shape(tensor.shape);
    if (shape != tensor.shape)
      output = draft.add_view(output, tensor.name, shape,
                              tensor.images * (elements_of_shape(tensor.shape) / elements_of_shape(shape)));
    if (draft.base(output) != output) draft.make_base(output);
    draft.tensor(output).is_output = true;
  }
}

void place_parts(Draft& draft) {
  for (std::size_t s = 0; s < draft.steps.size(); ++s) {
    DraftStep& step = draft.steps[s];
    if (step.dropped || !is_plain_copy(step) || !can_place(draft, step.input, step.output)) continue;
    DraftStep& maker = draft.steps[static_cast<std::size_t>(draft.makers(step.input).back())];
    maker.absorbed.insert(maker.absorbed.end(), step.absorbed.begin(), step.absorbed.end());
    draft.move_into(step.input, step.output);
    step.dropped = true;
  }
}

}  // namespace sepconv::keras
