#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "runtime/core/device_problems.h"
#include "runtime/core/network_observer.h"
#include "runtime/core/network_ports.h"
#include "runtime/core/text.h"
#include "runtime/gpu/device_kernel.h"
#include "sepconv/detail/aligned_buffer.h"
#include "sepconv/gpu.h"

namespace sepconv {
namespace {

using detail::BoundTensor;
using detail::kMostPorts;

/// A step with its kernels and its tensors.
struct DeviceStep {
  DeviceKernel kernel;
  std::optional<DeviceKernel> along_axis;  // reads what `kernel` leaves in scratch
  std::int64_t scratch_elements = 0;       // of an image; 0: `kernel` writes to the output itself
  detail::StepTensors tensors;

  /// Bytes of scratch for a batch of one.
  std::int64_t scratch_bytes() const {
    const auto bytes =
        scratch_elements * tensors.input.images * static_cast<std::int64_t>(size_bytes(tensors.input.view.dtype));
    constexpr auto kAlignment = static_cast<std::int64_t>(kBufferAlignment);
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
};

std::vector<DeviceStep> make_steps(const GpuContext& context, const Network& network, std::string_view target) {
  const NetworkPlan& plan = detail::NetworkAccess::plan(network);
  std::vector<DeviceStep> steps;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const NetworkStep& step = plan.steps[i];
    detail::StepTensors tensors = detail::bind_step(plan, step);
    if (tensors.in_place) continue;
    const std::string what = "network: step " + detail::quoted(step.layer);
    const auto kernel_of = [&](const ConvProblem& problem, const ConvWeights& weights) {
      return DeviceKernel(context, what, problem, weights, "--network", target);
    };
    const std::vector<ConvProblem> problems = detail::device_problems(plan, step);
    DeviceStep made{kernel_of(problems[0], network.layer(i).weights()), std::nullopt, 0, std::move(tensors)};
    if (problems.size() > 1) {
      const Extents scratch = problems[0].extents_after(problems[0].stages.size());
      made.scratch_elements = std::int64_t{scratch.H} * scratch.W * scratch.C;
      made.along_axis.emplace(kernel_of(problems[1], {}));
    }
    steps.push_back(std::move(made));
  }
  return steps;
}

/// Bytes of the workspace for a batch of one: the tensors, and behind them the scratch of a step.
std::int64_t workspace_bytes_of_one(const NetworkPlan& plan, const std::vector<DeviceStep>& steps) {
  std::int64_t scratch = 0;
  for (const DeviceStep& step : steps) scratch = std::max(scratch, step.scratch_bytes());
  return plan.tensor_bytes + scratch;
}

/// The memory of a call.
struct CallMemory {
  const GpuTensor* workspace;
  const GpuTensor* const* inputs;
  GpuTensor* const* outputs;
  std::int64_t batch;

  DeviceImages images_of(const BoundTensor& tensor) const noexcept {
    const GpuTensor* memory = workspace;
    std::int64_t first = tensor.first_bytes;
    if (tensor.memory == BoundTensor::Memory::workspace) first += tensor.offset_bytes * batch;
    if (tensor.memory == BoundTensor::Memory::input) memory = inputs[tensor.port];
    if (tensor.memory == BoundTensor::Memory::output) memory = outputs[tensor.port];
    return {&memory->memory(), first, tensor.image_pitch};
  }
};

/// A device tensor as check_port sees it.
ConstTensorView view_of(const GpuTensor& tensor) {
  return dense_view(static_cast<const void*>(nullptr), tensor.dtype(), tensor.shape());
}

}  // namespace

struct GpuNetwork::State {
  State(const GpuContext& gpu, const Network& network, std::string_view target)
      : context(gpu),
        tensor_bytes(detail::NetworkAccess::plan(network).tensor_bytes),
        ports(detail::NetworkAccess::plan(network)),
        steps(make_steps(gpu, network, target)),
        bytes_of_one(workspace_bytes_of_one(detail::NetworkAccess::plan(network), steps)) {}

  /// Bytes of the workspace; false if they are more than there can be.
  bool workspace_bytes(std::int64_t batch, std::int64_t& bytes) const noexcept {
    return batch > 0 && !__builtin_mul_overflow(bytes_of_one, batch, &bytes);
  }

  /// Makes the workspace at least that large. The mutex is held.
  void reserve(std::int64_t bytes) {
    const auto elements = bytes / std::int64_t{sizeof(float)};  // whole: a multiple of 64 bytes
    if (elements == 0 || (workspace && workspace->shape()[0] >= elements)) return;
    workspace.reset();  // first, so that both are never there together
    workspace.emplace(context, DataType::float32, Shape{elements});
  }

  bool check_memory(const GpuTensor* const* in, GpuTensor* const* out, Status& status) const noexcept;
  Status run_steps(const CallMemory& memory) const noexcept;

  const GpuContext context;
  const std::int64_t tensor_bytes;  // of the tensors between the steps, for a batch of one
  const detail::Ports ports;
  const std::vector<DeviceStep> steps;
  const std::int64_t bytes_of_one;  // of the whole workspace, for a batch of one
  std::mutex mutex;                 // of the workspace: the kernels of two calls must not take turns
  std::optional<GpuTensor> workspace;
};

/// Each tensor is one of this context, and each output is memory of its own.
bool GpuNetwork::State::check_memory(const GpuTensor* const* in, GpuTensor* const* out, Status& status) const noexcept {
  const std::size_t in_count = ports.inputs.size(), count = in_count + ports.outputs.size();
  const auto memory = [&](std::size_t i) { return &(i < in_count ? in[i] : out[i - in_count])->memory(); };
  for (std::size_t i = 0; i < count; ++i) {
    const char* const kind = i < in_count ? "input" : "output";
    const char* const name = (i < in_count ? ports.inputs[i] : ports.outputs[i - in_count]).info.name.c_str();
    if (memory(i)->context != context.state()) {
      status =
          Status::error(StatusCode::invalid_layout, "network: %s '%s' is a tensor of another GpuContext", kind, name);
      return false;
    }
    for (std::size_t o = in_count; o < count; ++o)
      if (o != i && memory(o) == memory(i)) {
        status = Status::error(StatusCode::invalid_layout, "network: %s '%s' and output '%s' overlap", kind, name,
                               ports.outputs[o - in_count].info.name.c_str());
        return false;
      }
  }
  return true;
}

Status GpuNetwork::State::run_steps(const CallMemory& memory) const noexcept {
  std::array<DeviceImages, detail::kMaxOperands> operands;
  for (const DeviceStep& step : steps) {
    const auto& [input, output, others, in_place] = step.tensors;
    for (std::size_t i = 0; i < others.size(); ++i) operands[i] = memory.images_of(others[i]);
    const DeviceImages in = memory.images_of(input), out = memory.images_of(output);
    const std::int64_t images = memory.batch * input.images;
    DeviceImages made = out;
    if (step.along_axis) made = {&memory.workspace->memory(), tensor_bytes * memory.batch, step.scratch_elements};
    Status status = step.kernel.launch(in, operands.data(), made, images);
    if (status.ok() && step.along_axis) status = step.along_axis->launch(made, nullptr, out, images);
    if (!status.ok()) return status;
  }
  return {};
}

GpuNetwork::GpuNetwork(const GpuContext& context, const Network& network, std::string_view target)
    : state_(std::make_shared<State>(context, network, target)) {}

const std::vector<NetworkTensorInfo>& GpuNetwork::inputs() const noexcept { return state_->ports.input_infos; }
const std::vector<NetworkTensorInfo>& GpuNetwork::outputs() const noexcept { return state_->ports.output_infos; }

std::size_t GpuNetwork::workspace_bytes(std::int64_t batch) const {
  std::int64_t bytes = 0;
  if (!state_->workspace_bytes(batch, bytes))
    throw std::invalid_argument("network: a batch of " + std::to_string(batch) + " cannot be run");
  return static_cast<std::size_t>(bytes);
}

void GpuNetwork::reserve(std::int64_t batch) const {
  const auto bytes = static_cast<std::int64_t>(workspace_bytes(batch));
  const std::lock_guard lock(state_->mutex);
  state_->reserve(bytes);
}

Status GpuNetwork::run(const GpuTensor* const* inputs, std::size_t input_count, GpuTensor* const* outputs,
                       std::size_t output_count) const noexcept {
  State& state = *state_;
  Status status;
  std::int64_t batch = 0, bytes = 0;
  try {
    std::array<ConstTensorView, kMostPorts> in, out;
    for (std::size_t i = 0; i < std::min(input_count, kMostPorts); ++i) in[i] = view_of(*inputs[i]);
    for (std::size_t i = 0; i < std::min(output_count, kMostPorts); ++i) out[i] = view_of(*outputs[i]);
    if (!state.ports.check(in.data(), input_count, out.data(), output_count, batch, status) ||
        !state.check_memory(inputs, outputs, status))
      return status;
    if (!state.workspace_bytes(batch, bytes))
      return Status::error(StatusCode::invalid_shape, "network: a batch of %lld needs more memory than there can be",
                           static_cast<long long>(batch));
    const std::lock_guard lock(state.mutex);
    state.reserve(bytes);
    return state.run_steps({state.workspace ? &*state.workspace : nullptr, inputs, outputs, batch});
  } catch (const std::exception& error) {
    return Status::error(StatusCode::workspace_too_small, "network: %s", error.what());
  }
}

}  // namespace sepconv
