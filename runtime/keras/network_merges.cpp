// Layers that combine several tensors: sums, products, concatenations.

#include <algorithm>

#include "runtime/keras/json_text.h"
#include "runtime/keras/network_merges.h"
#include "runtime/keras/shape_math.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

using Extents64 = std::vector<std::int64_t>;

/// How an operand of this shape serves a value of that shape; nothing where no kernel computes it.
std::optional<Broadcast> broadcast_of(const Extents64& operand, const Extents64& value, Layout layout) {
  if (operand == value) return Broadcast::none;
  if (operand.size() != value.size() || value.size() > 3) return std::nullopt;
  const std::size_t channels = layout == Layout::nhwc ? value.size() - 1 : 0;
  bool of_channels = operand[channels] == value[channels], of_pixels = operand[channels] == 1;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (i == channels) continue;
    of_channels = of_channels && operand[i] == 1;
    of_pixels = of_pixels && operand[i] == value[i];
  }
  if (of_channels) return Broadcast::channels;
  if (of_pixels) return Broadcast::pixels;
  return std::nullopt;
}

/// Keras' merging layers add axes behind the batch to a tensor of lower rank.
int with_rank(CallLowering& c, int tensor, std::size_t rank) {
  Extents64 shape = c.shape(tensor);
  if (shape.size() >= rank) return tensor;
  shape.insert(shape.begin(), rank - shape.size(), 1);
  return c.view(tensor, shape, c.draft.tensor(tensor).tensor.images);
}

int lower_merge(CallLowering& c, EpilogueKind kind) {
  std::size_t rank = 0;
  for (const int input : c.inputs) rank = std::max(rank, c.shape(input).size());
  std::vector<int> tensors;
  for (const int input : c.inputs) tensors.push_back(with_rank(c, input, rank));
  return combine(c, kind, tensors);
}

int lower_add(CallLowering& c) { return lower_merge(c, EpilogueKind::add); }
int lower_subtract(CallLowering& c) { return lower_merge(c, EpilogueKind::subtract); }
int lower_multiply(CallLowering& c) { return lower_merge(c, EpilogueKind::multiply); }
int lower_maximum(CallLowering& c) { return lower_merge(c, EpilogueKind::maximum); }
int lower_minimum(CallLowering& c) { return lower_merge(c, EpilogueKind::minimum); }

int lower_average(CallLowering& c) {
  const int sum = lower_merge(c, EpilogueKind::add);
  return scaled(c, sum, 1.0 / static_cast<double>(c.inputs.size()));
}

/// x + scale * residual: keras.applications' InceptionResNetV2.
int lower_scaled_sum(CallLowering& c) {
  if (c.inputs.size() != 2) throw NotCompiledError("it is called with other than two tensors");
  const int residual = scaled(c, c.inputs[1], number_member(c.config(), "scale", 1, c.what()));
  return combine(c, EpilogueKind::add, {c.inputs[0], residual});
}

int lower_concatenate(CallLowering& c) {
  const json& axis = member(c.config(), "axis");
  return concatenate(c, c.inputs, axis.is_null() ? json(-1) : axis);
}

}  // namespace

int scaled(CallLowering& c, int tensor, double factor) {
  const Layout layout = c.draft.tensor(tensor).layout;
  const auto channels = static_cast<std::size_t>(image_extents(c.shape(tensor), layout).C);
  return c.apply(tensor, layout, EpilogueKind::scale, Values(channels, factor));
}

int combine(CallLowering& c, EpilogueKind kind, const std::vector<int>& tensors) {
  if (tensors.size() < 2) throw NotCompiledError("a call with fewer than two tensors is not compiled");
  for (const int tensor : tensors)
    if (c.draft.tensor(tensor).tensor.images != c.draft.tensor(tensors.front()).tensor.images)
      throw NotCompiledError("tensors of which one has steps in time are not combined");
  // The value is the first tensor that has the output's shape, the others are operands.
  const auto value =
      std::find_if(tensors.begin(), tensors.end(), [&](int tensor) { return c.shape(tensor) == c.output_shape; });
  if (value == tensors.end()) throw NotCompiledError("tensors of which none has the output's shape are not combined");
  const int first = *value;
  Epilogue epilogue;
  std::vector<Values> arrays;
  std::vector<int> operands;
  Layout layout = c.draft.tensor(first).layout;
  const auto fits = [&](Layout wanted) {
    return std::all_of(tensors.begin(), tensors.end(),
                       [&](int tensor) { return broadcast_of(c.shape(tensor), c.shape(first), wanted).has_value(); });
  };
  if (!fits(layout)) layout = layout == Layout::nhwc ? Layout::nchw : Layout::nhwc;
  if (!fits(layout))
    throw NotCompiledError("its tensors' shapes are not combined: compiled are the same shape, 1x1xC and HxWx1");
  if (kind == EpilogueKind::subtract && value != tensors.begin()) {
    // a - b with a smaller: -b + a.
    const auto channels = static_cast<std::size_t>(image_extents(c.shape(first), layout).C);
    add_constant_step(EpilogueKind::scale, Values(channels, -1.0), epilogue, arrays);
    kind = EpilogueKind::add;
  }
  for (auto tensor = tensors.begin(); tensor != tensors.end(); ++tensor) {
    if (tensor == value) continue;
    epilogue.push_back({kind, {}, *broadcast_of(c.shape(*tensor), c.shape(first), layout)});
    operands.push_back(c.dense(*tensor));
  }
  return c.apply(first, layout, epilogue, std::move(arrays), std::move(operands));
}

int concatenate(CallLowering& c, const std::vector<int>& tensors, const json& axis_json) {
  const auto at = axis_of(axis_json, c.output_shape.size() + 1);
  if (!at || *at == 0) throw NotCompiledError("a concatenation along the batch is not compiled");
  const std::size_t axis = *at - 1;
  const Extents64& shape = c.output_shape;
  const std::int64_t inner = elements_of_shape({shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()});
  const std::int64_t outer = elements_of_shape({shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(axis)});
  if (outer > 1 && shape.size() > 3)
    throw NotCompiledError("a concatenation of tensors with more than three axes is not compiled");
  const Extents image = image_extents(shape, Layout::nhwc);
  const int output = c.add_output(c.draft.tensor(tensors.front()).layout);
  std::int64_t first = 0;
  for (const int tensor : tensors) {
    Extents64 part_shape = shape;
    if (c.shape(tensor).size() == shape.size()) part_shape[axis] = c.shape(tensor)[axis];
    if (part_shape != c.shape(tensor) || c.draft.tensor(tensor).tensor.images != c.draft.tensor(output).tensor.images)
      throw NotCompiledError("tensors whose shapes do not fit are not concatenated");
    DraftStep step = c.begin_step(tensor, Layout::nhwc);
    step.problem.stages = {copy_stage()};
    // One run of elements where the axis is the outermost; else rows and pixels as far apart as in the output.
    const Pitches pitches = outer == 1 ? Pitches{} : Pitches{image.W * image.C, image.C};
    step.output = c.draft.add_part(output, c.layer.name, part_shape, first, pitches);
    first += part_shape[axis] * inner;
    c.add_step(std::move(step));
  }
  return output;
}

const Lowerings& merge_lowerings() {
  static const Lowerings table = {
      {"Add", lower_add},
      {"Subtract", lower_subtract},
      {"Multiply", lower_multiply},
      {"Average", lower_average},
      {"Maximum", lower_maximum},
      {"Minimum", lower_minimum},
      {"CustomScaleLayer", lower_scaled_sum},
      {"Custom>CustomScaleLayer", lower_scaled_sum},
      {"Concatenate", lower_concatenate},
  };
  return table;
}

}  // namespace sepconv::keras
