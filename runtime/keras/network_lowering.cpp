#include "runtime/keras/network_lowering.h"

#include <utility>

#include "runtime/keras/call_arguments.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/detail/keras_layer.h"

namespace sepconv::keras {

using nlohmann::json;

namespace {

std::vector<std::int64_t> output_shape_of(const LayerCall& call) {
  const std::optional<Shape> shape = call.shape(0);
  if (!shape) return {};
  return {shape->begin() + (shape->empty() ? 0 : 1), shape->end()};
}

const ModelLayer& layer_of(const NetworkSource& source, int call) {
  const LayerCall& use = source.graph.calls[static_cast<std::size_t>(call)];
  return source.graph.layers[static_cast<std::size_t>(use.layer)];
}

/// The ends of a TimeDistributed layer: the steps in time are images.
int lower_time(CallLowering& c) {
  const int input = c.input();
  const NetworkTensor& tensor = c.draft.tensor(input).tensor;
  if (c.call.time == TimeAxis::into_batch)
    return c.view(input, {tensor.shape.begin() + 1, tensor.shape.end()}, tensor.images * tensor.shape.front());
  const std::int64_t steps = c.output_shape.front();
  if (tensor.images % steps != 0)
    throw NotCompiledError("a part that begins inside of TimeDistributed is not compiled");
  return c.view(input, c.output_shape, tensor.images / steps);
}

/// Null for classes without one.
Lowering lowering_of(const std::string& class_name) {
  using Table = const Lowerings& (*)();
  for (const Table table : {&convolution_lowerings, &transposed_lowerings, &elementwise_lowerings, &merge_lowerings,
                            &window_lowerings, &view_lowerings})
    if (const auto found = table().find(class_name); found != table().end()) return found->second;
  return nullptr;
}

}  // namespace

CallLowering::CallLowering(const NetworkSource& source, Draft& network, int index, DataType type,
                           std::vector<int> tensors)
    : draft(network),
      layer(layer_of(source, index)),
      call(source.graph.calls[static_cast<std::size_t>(index)]),
      rules(source.document.rules),
      dtype(type),
      inputs(std::move(tensors)),
      output_shape(output_shape_of(call)),
      source_(source),
      index_(index) {}

int CallLowering::input() const {
  if (inputs.size() != 1)
    throw NotCompiledError("a call with " + std::to_string(inputs.size()) + " tensors is not compiled");
  return inputs.front();
}

Shape CallLowering::keras_shape(int tensor) const {
  Shape result = shape(tensor);
  result.insert(result.begin(), kDynamic);
  return result;
}

std::vector<KerasArray> CallLowering::arrays(std::size_t count, std::size_t wanted) const {
  return has_weights() ? source_.weights.read(layer, count, wanted) : std::vector<KerasArray>{};
}

int CallLowering::add_output(Layout layout) {
  const int output = draft.add_tensor(layer.name, output_shape, draft.tensor(inputs.front()));
  draft.tensor(output).layout = layout;
  return output;
}

DraftStep CallLowering::begin_step(int read, Layout layout) {
  const int tensor = layout == Layout::nchw ? dense(read) : read;
  DraftStep step;
  step.name = layer.name;
  step.absorbed = {{index_, layer.name}};
  step.input = tensor;
  step.problem.dtype = dtype;
  step.problem.layout = layout;
  const Extents image = image_extents(shape(tensor), layout);
  step.problem.IH = image.H, step.problem.IW = image.W, step.problem.IC = image.C;
  return step;
}

int CallLowering::add_stage(int tensor, Layout layout, Stage stage, std::vector<Values> values) {
  DraftStep step = begin_step(tensor, layout);
  step.problem.stages = {std::move(stage)};
  step.arrays = std::move(values);
  step.output = add_output(layout);
  const int output = step.output;
  add_step(std::move(step));
  return output;
}

int CallLowering::pool_image(Layout layout, StageKind kind) {
  const Extents image = image_extents(shape(input()), layout);
  Stage stage;
  stage.kind = kind;
  stage.window.KH = image.H, stage.window.KW = image.W;
  return add_stage(input(), layout, stage);
}

int CallLowering::add_elementwise(DraftStep step, const Epilogue& epilogue) {
  step.problem.stages = {copy_stage()};
  step.problem.stages[0].epilogue = epilogue;
  const DraftTensor like = draft.tensor(step.input);
  step.output = draft.add_tensor(layer.name, like.tensor.shape, like);
  draft.tensor(step.output).layout = step.problem.layout;
  const int output = step.output;
  add_step(std::move(step));
  return output;
}

int CallLowering::apply(int tensor, Layout layout, const Epilogue& epilogue, std::vector<Values> constants,
                        std::vector<int> operands) {
  if (epilogue.empty()) return draft.add_view(tensor, layer.name, shape(tensor), draft.tensor(tensor).tensor.images);
  DraftStep step = begin_step(tensor, layout);
  step.arrays = std::move(constants);
  step.operands = std::move(operands);
  return add_elementwise(std::move(step), epilogue);
}

int CallLowering::apply(int tensor, Layout layout, EpilogueKind kind, Values values) {
  Epilogue epilogue;
  std::vector<Values> constants;
  add_constant_step(kind, std::move(values), epilogue, constants);
  return apply(tensor, layout, epilogue, std::move(constants));
}

int CallLowering::apply(int tensor, const Activation& activation) {
  if (activation.kind == ActivationKind::glu) throw NotCompiledError("glu is not compiled");
  // The outer axes of a tensor with more than three are rows together.
  if (!is_elementwise(activation.kind) && shape(tensor).size() > 3 && activation.axis < -2)
    throw NotCompiledError(to_text(activation) + " along an outer axis is not compiled");
  // Axes are counted in memory, which nhwc shows as it is.
  if (!is_elementwise(activation.kind)) return apply(tensor, Layout::nhwc, make_epilogue(false, activation));
  return apply(tensor, draft.tensor(tensor).layout, make_epilogue(false, activation));
}

// The copy of a part is nhwc, whatever the tensor is: only images of that layout have pitches.
int CallLowering::copy(int tensor) {
  const Layout layout = draft.tensor(tensor).layout;
  const int copied = add_elementwise(begin_step(tensor, Layout::nhwc), {});
  draft.tensor(copied).layout = layout;
  return copied;
}

int CallLowering::with_exchanged_axes(int tensor, std::int64_t A, std::int64_t B, std::int64_t C) {
  const std::int64_t images = draft.tensor(tensor).tensor.images;
  DraftStep step = begin_step(view(tensor, {A, B, C}, images), Layout::nhwc);
  const int exchanged = draft.add_tensor(layer.name, {B, A, C}, draft.tensor(tensor));
  const auto pitch = [](std::int64_t elements) { return static_cast<std::int32_t>(elements); };
  // Element (a, b) goes to row b, pixel a.
  step.output = draft.add_part(exchanged, layer.name, {A, B, C}, 0, {pitch(C), pitch(A * C)});
  step.problem.stages = {copy_stage()};
  add_step(std::move(step));
  return exchanged;
}

int CallLowering::dense(int tensor) { return draft.tensor(tensor).tensor.pitches.dense() ? tensor : copy(tensor); }

int CallLowering::view(int tensor, std::vector<std::int64_t> new_shape, std::int64_t images) {
  // A part is copied: its images do not follow each other.
  return draft.add_view(draft.is_whole(tensor) ? tensor : copy(tensor), layer.name, std::move(new_shape), images);
}

int CallLowering::reshape(int tensor) {
  if (elements_of_shape(shape(tensor)) != elements_of_shape(output_shape))
    throw NotCompiledError("its output has not as many elements as its input");
  return view(tensor, output_shape, draft.tensor(tensor).tensor.images);
}

void append_numbers(const json& given, Values& numbers, const char* refusal) {
  const json& value = unwrapped(given);
  if (value.is_array())
    for (const json& item : value) append_numbers(item, numbers, refusal);
  else if (value.is_number())
    numbers.push_back(value.get<double>());
  else
    throw NotCompiledError(refusal);
}

void add_constant_step(EpilogueKind kind, Values values, Epilogue& epilogue, std::vector<Values>& arrays) {
  epilogue.push_back({kind, {}, Broadcast::none});
  arrays.push_back(std::move(values));
}

Layout layout_with_channels(const json& axis_json, int rank, const std::string& what) {
  const json* axis = &axis_json;
  if (axis->is_array() && axis->size() == 1) axis = &(*axis)[0];
  const auto at = axis->is_null() ? std::optional<std::size_t>(static_cast<std::size_t>(rank - 1))
                                  : axis_of(*axis, static_cast<std::size_t>(rank));
  if (at == static_cast<std::size_t>(rank - 1)) return Layout::nhwc;
  if (at == std::size_t{1} && rank <= 4) return Layout::nchw;
  throw NotCompiledError(what + " along axis " + shown(axis_json) + " is not compiled: only along the channels");
}

Layout layout_of(const json& config) { return channels_first(config) ? Layout::nchw : Layout::nhwc; }

bool has_lowering(const std::string& class_name) { return lowering_of(class_name) != nullptr; }

std::optional<std::string> CallLowering::why_never() const {
  if (layer.custom) return "a custom class: " + layer.why_custom;
  if (call.time != TimeAxis::untouched || is_operator(layer)) return std::nullopt;
  if (lowering_of(layer.class_name) == nullptr) return why_class_refused(layer.class_name);
  if (layer.training) return "it is called as in training";
  return std::nullopt;
}

int lower_call(CallLowering& call) {
  if (call.call.time != TimeAxis::untouched) return lower_time(call);
  if (is_operator(call.layer)) return lower_operator(call);
  return lowering_of(call.layer.class_name)(call);
}

}  // namespace sepconv::keras
