#include "runtime/keras/network_draft.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <set>

namespace sepconv::keras {
namespace {

/// Pitches as numbers, also of a dense image.
Pitches explicit_pitches(const Pitches& pitches, const Extents& e) {
  return pitches.dense() ? Pitches{e.W * e.C, e.C} : pitches;
}

/// Zeros where the elements of the image lie one after the other. The pitch along an axis of one element is that of a
/// dense image.
Pitches normalised(Pitches pitches, const Extents& e) {
  if (e.W == 1) pitches.pixel = e.C;
  if (e.H == 1) pitches.row = e.W * pitches.pixel;
  return pitches.pixel == e.C && pitches.row == e.W * e.C ? Pitches{} : pitches;
}

}  // namespace

std::int64_t elements_of_shape(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

std::vector<std::int64_t> port_shape(const std::vector<std::int64_t>& shape) {
  constexpr std::size_t kMostAxes = 3;
  return {shape.end() - static_cast<std::ptrdiff_t>(std::min(shape.size(), kMostAxes)), shape.end()};
}

Extents image_extents(const std::vector<std::int64_t>& shape, Layout layout) {
  std::vector<std::int64_t> three(shape.size() < 3 ? 3 - shape.size() : 0, 1);
  // In nchw the axes that are missing are those of the pixels: {C} is {C, 1, 1}, {C, W} is {C, 1, W}.
  if (layout == Layout::nchw && !three.empty() && !shape.empty()) {
    three.insert(three.begin(), shape.front());
    three.insert(three.end(), shape.begin() + 1, shape.end());
  } else {
    three.insert(three.end(), shape.begin(), shape.end());
  }
  while (three.size() > 3) {
    three[1] *= three[0];
    three.erase(three.begin());
  }
  const auto number = [&](std::size_t i) { return static_cast<std::int32_t>(three[i]); };
  if (layout == Layout::nhwc) return {number(0), number(1), number(2)};
  return {number(1), number(2), number(0)};
}

bool Draft::is_whole(int index) const {
  const NetworkTensor &t = tensor(index).tensor, &b = tensor(t.base).tensor;
  return t.pitches.dense() && elements_of_shape(t.shape) * t.images == elements_of_shape(b.shape) * b.images;
}

int Draft::add_tensor(const std::string& name, std::vector<std::int64_t> shape, const DraftTensor& like) {
  DraftTensor made;
  made.tensor.name = name;
  made.tensor.dtype = like.tensor.dtype;
  made.tensor.shape = std::move(shape);
  made.tensor.images = like.tensor.images;
  made.tensor.base = static_cast<std::int32_t>(tensors.size());
  made.layout = like.layout;
  tensors.push_back(std::move(made));
  return static_cast<int>(tensors.size()) - 1;
}

int Draft::add_view(int of, const std::string& name, std::vector<std::int64_t> shape, std::int64_t images) {
  DraftTensor view = tensor(of);
  view.tensor.name = name;
  view.tensor.shape = std::move(shape);
  view.tensor.images = images;
  view.is_input = view.is_output = false;
  tensors.push_back(std::move(view));
  return static_cast<int>(tensors.size()) - 1;
}

NetworkTensor Draft::placed(int of, std::int64_t first, Pitches pitches, const Extents& extents) const {
  const NetworkTensor& outer = tensor(of).tensor;
  const Extents image = image_extents(outer.shape, Layout::nhwc);
  const Pitches apart = explicit_pitches(outer.pitches, image);
  // Where an offset in the dense image lies.
  const auto translated = [&](std::int64_t offset) {
    if (outer.pitches.dense()) return offset;
    const std::int64_t pixel = offset / image.C;
    return pixel / image.W * apart.row + pixel % image.W * apart.pixel + offset % image.C;
  };
  pitches = explicit_pitches(pitches, extents);
  NetworkTensor place;
  place.base = outer.base;
  place.first = outer.first + translated(first);
  place.pitches = normalised(
      {static_cast<std::int32_t>(translated(pitches.row)), static_cast<std::int32_t>(translated(pitches.pixel))},
      extents);
  return place;
}

int Draft::add_part(int of, const std::string& name, std::vector<std::int64_t> shape, std::int64_t first,
                    Pitches pitches) {
  const NetworkTensor place = placed(of, first, pitches, image_extents(shape, Layout::nhwc));
  const int index = add_view(of, name, std::move(shape), tensor(of).tensor.images);
  NetworkTensor& part = tensor(index).tensor;
  part.base = place.base, part.first = place.first, part.pitches = place.pitches;
  return index;
}

void Draft::move_into(int moved, int part) {
  for (DraftTensor& t : tensors) {
    if (t.tensor.base != moved) continue;
    const NetworkTensor place =
        placed(part, t.tensor.first, t.tensor.pitches, image_extents(t.tensor.shape, Layout::nhwc));
    t.tensor.base = place.base, t.tensor.first = place.first, t.tensor.pitches = place.pitches;
  }
}

void Draft::make_base(int view) {
  const int before = base(view);
  for (DraftTensor& t : tensors)
    if (t.tensor.base == before) t.tensor.base = view;
}

std::vector<int> Draft::readers(int of) const {
  std::vector<int> result;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    if (steps[s].dropped) continue;
    if (base(steps[s].input) == of) result.push_back(static_cast<int>(s));
    for (const int operand : steps[s].operands)
      if (base(operand) == of) result.push_back(static_cast<int>(s));
  }
  return result;
}

std::vector<int> Draft::makers(int of) const {
  std::vector<int> result;
  for (std::size_t s = 0; s < steps.size(); ++s)
    if (!steps[s].dropped && base(steps[s].output) == of) result.push_back(static_cast<int>(s));
  return result;
}

void Draft::drop_unread() {
  std::set<int> needed;
  for (const int output : outputs) needed.insert(base(output));
  for (std::size_t s = steps.size(); s-- > 0;) {
    DraftStep& step = steps[s];
    if (step.dropped) continue;
    step.dropped = needed.count(base(step.output)) == 0;
    if (step.dropped) continue;
    needed.insert(base(step.input));
    for (const int operand : step.operands) needed.insert(base(operand));
  }
}

Stage copy_stage() {
  Stage stage;
  stage.kind = StageKind::copy;
  return stage;
}

bool is_elementwise_step(const DraftStep& step) {
  return step.problem.stages.size() == 1 && step.problem.stages[0].kind == StageKind::copy &&
         step.problem.stages[0].window.is_identity();
}

bool is_plain_copy(const DraftStep& step) {
  return is_elementwise_step(step) && step.problem.stages[0].epilogue.empty();
}

bool ends_along_axis(const ConvProblem& problem) {
  return !is_elementwise(activation_of(problem.stages.back().epilogue).kind);
}

}  // namespace sepconv::keras
