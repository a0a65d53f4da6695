#include "runtime/core/network_ports.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "runtime/core/memory_plan.h"
#include "runtime/core/network_graph.h"
#include "runtime/core/tensor_regions.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::detail {
namespace {

/// Axes of a caller's tensor that views have no room for join the batch: those of a clip's images, say.
std::size_t joined_axes(const NetworkTensor& tensor) {
  return tensor.shape.size() < kMaxRank ? 0 : tensor.shape.size() + 1 - kMaxRank;
}

std::int64_t port_images(const NetworkTensor& tensor) {
  std::int64_t images = tensor.images;
  for (std::size_t axis = 0; axis < joined_axes(tensor); ++axis) images *= tensor.shape[axis];
  return images;
}

}  // namespace

std::size_t port_of(const NetworkPlan& plan, const std::vector<std::int32_t>& ports, std::int32_t base) {
  const auto found =
      std::find_if(ports.begin(), ports.end(), [&](std::int32_t port) { return plan.tensor(port).base == base; });
  return static_cast<std::size_t>(found - ports.begin());
}

BoundTensor bind_tensor(const NetworkPlan& plan, std::int32_t index, Layout layout, const Extents& e,
                        const Pitches& pitches, bool rank3) {
  const NetworkTensor &tensor = plan.tensor(index), &base = plan.tensor(tensor.base);
  BoundTensor bound;
  bound.offset_bytes = base.offset_bytes;
  const std::int64_t element = static_cast<std::int64_t>(size_bytes(tensor.dtype));
  bound.first_bytes = tensor.first * element;
  bound.images = tensor.images;
  bound.image_pitch = image_elements(tensor.images == base.images ? base : tensor);
  if (const std::size_t input = port_of(plan, plan.inputs, tensor.base); input < plan.inputs.size()) {
    bound.memory = BoundTensor::Memory::input, bound.port = input;
    bound.callers_pitch = tensor.images == port_images(plan.tensor(plan.inputs[input]));
  } else if (const std::size_t output = port_of(plan, plan.outputs, tensor.base); output < plan.outputs.size()) {
    bound.memory = BoundTensor::Memory::output, bound.port = output;
    bound.callers_pitch = tensor.images == port_images(plan.tensor(plan.outputs[output]));
  }

  ConstTensorView& view = bound.view;
  view.dtype = tensor.dtype;
  const std::int64_t row = pitches.dense() ? std::int64_t{e.W} * e.C : pitches.row,
                     pixel = pitches.dense() ? e.C : pitches.pixel, plane = std::int64_t{e.H} * e.W;
  const auto add = [&](std::int64_t extent, std::int64_t pitch) {
    view.extents[static_cast<std::size_t>(view.rank)] = extent;
    view.pitches[static_cast<std::size_t>(view.rank)] = pitch;
    ++view.rank;
  };
  add(0, 0);  // the batch
  if (layout == Layout::nhwc) {
    if (!rank3) add(e.H, row);
    add(e.W, pixel);
    add(e.C, 1);
  } else {
    add(e.C, plane);
    if (!rank3) add(e.H, e.W);
    add(e.W, 1);
  }
  return bound;
}

StepTensors bind_step(const NetworkPlan& plan, const NetworkStep& step) {
  const ConvProblem& p = step.problem;
  const StepImages images = images_of(p, plan.tensor(step.output));
  StepTensors bound{bind_tensor(plan, step.input, p.layout, images.in, p.input_pitches, images.rank3),
                    bind_tensor(plan, step.output, p.layout, images.out, p.output_pitches, images.rank3),
                    {}};
  const std::vector<Argument> operands = operands_of(p);
  const Extents result = p.extents_after(p.stages.size());
  for (std::size_t i = 0; i < operands.size(); ++i)
    bound.operands.push_back(bind_tensor(plan, step.operands[i], p.layout,
                                         operand_extents(result, operands[i].broadcast), {}, images.rank3));
  const NetworkTensor &in = plan.tensor(step.input), &out = plan.tensor(step.output);
  bound.in_place = in.offset_bytes >= 0 && in.offset_bytes == out.offset_bytes &&
                   may_run_in_place(plan, step, InPlace::plain_copies);
  return bound;
}

Ports::Ports(const NetworkPlan& plan) {
  for (const std::int32_t tensor : plan.inputs) inputs.push_back(make_port(plan, tensor));
  for (const std::int32_t tensor : plan.outputs) outputs.push_back(make_port(plan, tensor));
  if (inputs.size() + outputs.size() > kMostPorts)
    throw std::invalid_argument("network: more than " + std::to_string(kMostPorts) + " inputs and outputs");
  for (const Port& port : inputs) input_infos.push_back(port.info);
  for (const Port& port : outputs) output_infos.push_back(port.info);
}

bool Ports::check_counts(std::size_t in_count, std::size_t out_count, Status& status) const noexcept {
  if (in_count == inputs.size() && out_count == outputs.size()) return true;
  status =
      Status::error(StatusCode::invalid_shape, "network: called with %zu inputs and %zu outputs; expected %zu and %zu",
                    in_count, out_count, inputs.size(), outputs.size());
  return false;
}

Port make_port(const NetworkPlan& plan, std::int32_t index) {
  const NetworkTensor& tensor = plan.tensor(index);
  Port port;
  port.info = {tensor.name, tensor.dtype, {kDynamic}, port_images(tensor)};
  const auto joined = static_cast<std::ptrdiff_t>(joined_axes(tensor));
  port.info.shape.insert(port.info.shape.end(), tensor.shape.begin() + joined, tensor.shape.end());
  port.image_elements = image_elements(tensor) * tensor.images / port.info.images;
  for (const NetworkTensor& other : plan.tensors)
    port.dense_batch = port.dense_batch || (other.base == tensor.base && other.images != port.info.images);
  return port;
}

bool check_port(const char* kind, const Port& port, const ConstTensorView& view, std::int64_t& batch,
                Status& status) noexcept {
  const char* const name = port.info.name.c_str();
  if (view.dtype != port.info.dtype) {
    status = Status::error(StatusCode::invalid_dtype, "network: %s '%s' has data type %s; expected %s", kind, name,
                           keras_name(view.dtype), keras_name(port.info.dtype));
    return false;
  }
  const auto rank = static_cast<int>(port.info.shape.size());
  bool fits = view.rank == rank && view.extents[0] >= 0 && view.extents[0] % port.info.images == 0;
  for (int axis = 1; fits && axis < rank; ++axis) {
    const auto a = static_cast<std::size_t>(axis);
    fits = view.extents[a] == port.info.shape[a];
  }
  if (!fits) {
    ConstTensorView wanted;
    wanted.rank = rank;
    std::copy(port.info.shape.begin(), port.info.shape.end(), wanted.extents.begin());
    status =
        Status::error(StatusCode::invalid_shape,
                      "network: %s '%s' has shape %s; expected %s, where the first extent is a multiple of %lld", kind,
                      name, ShapeText(view).text, ShapeText(wanted).text, static_cast<long long>(port.info.images));
    return false;
  }
  const std::int64_t own = view.extents[0] / port.info.images;
  if (batch < 0) batch = own;
  if (own != batch) {
    status = Status::error(StatusCode::invalid_shape,
                           "network: %s '%s' has a batch of %lld; that of the first input is %lld", kind, name,
                           static_cast<long long>(own), static_cast<long long>(batch));
    return false;
  }
  return true;
}

bool check_port_memory(const char* kind, const Port& port, const ConstTensorView& view, bool is_output,
                       Status& status) noexcept {
  const char* const name = port.info.name.c_str();
  if (view.data == nullptr || reinterpret_cast<std::uintptr_t>(view.data) % size_bytes(view.dtype) != 0) {
    status = Status::error(StatusCode::invalid_layout, "network: the data pointer of %s '%s' is %s", kind, name,
                           view.data == nullptr ? "null" : "not aligned to its elements");
    return false;
  }
  std::int64_t pitch = 1;
  for (int axis = view.rank - 1; axis >= 1; --axis) {
    const auto a = static_cast<std::size_t>(axis);
    if (view.extents[a] > 1 && view.pitches[a] != pitch) {
      status =
          Status::error(StatusCode::invalid_layout,
                        "network: axis %d of %s '%s' has pitch %lld; expected %lld: all axes but the first must be "
                        "dense",
                        axis, kind, name, static_cast<long long>(view.pitches[a]), static_cast<long long>(pitch));
      return false;
    }
    pitch *= view.extents[a];
  }
  if (view.extents[0] == 1) return true;
  const bool exact = port.dense_batch;
  const std::int64_t least = is_output || exact ? pitch : 0;
  std::int64_t span = 0;
  if (view.pitches[0] >= least && !(exact && view.pitches[0] != pitch) &&
      !__builtin_mul_overflow(view.extents[0], view.pitches[0], &span) &&
      span <= std::numeric_limits<std::int64_t>::max() / 16)
    return true;
  status = Status::error(StatusCode::invalid_layout,
                         "network: the first axis of %s '%s' has pitch %lld; expected %lld%s, within the address space",
                         kind, name, static_cast<long long>(view.pitches[0]), static_cast<long long>(least),
                         exact ? "" : " or more");
  return false;
}

Images images_of_port(const Port& port, const ConstTensorView& view) noexcept {
  Images images;
  images.data = view.data;
  images.batch = view.extents[0];
  images.H = images.W = 1;
  images.C = port.image_elements;
  images.batch_pitch = view.extents[0] == 1 ? port.image_elements : view.pitches[0];
  images.element_bytes = static_cast<std::int64_t>(size_bytes(view.dtype));
  return images;
}

}  // namespace sepconv::detail
