#include "sepconv/network.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <new>
#include <stdexcept>
#include <utility>

#include "runtime/core/kernel_call.h"
#include "runtime/core/network_observer.h"
#include "runtime/core/network_ports.h"
#include "runtime/core/text.h"
#include "sepconv/detail/aligned_buffer.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"

namespace sepconv {
namespace {

using detail::BoundTensor;
using detail::Images;

constexpr std::size_t kKnownConcurrency = 256;  // up to which the layers' workspace is computed once

/// A step with its layer and its tensors.
struct BoundStep {
  ConvLayer layer;
  detail::StepTensors tensors;
};

/// Tells how many threads a call would have.
class CountedThreads : public Executor {
 public:
  explicit CountedThreads(int count) : count_(count) {}
  int concurrency() const noexcept override { return count_; }
  int parallel_for(int, Task, void*) noexcept override { return 1; }

 private:
  const int count_;
};

Executor& executor_of(const RunContext& context) {
  return context.executor == nullptr ? process_pool() : *context.executor;
}

/// The memory of a call.
struct CallMemory {
  std::byte* workspace;
  const ConstTensorView* inputs;
  const TensorView* outputs;
  std::int64_t batch;

  TensorView view_of(const BoundTensor& tensor) const noexcept {
    const ConstTensorView& shape = tensor.view;
    TensorView view{nullptr, shape.dtype, shape.rank, shape.extents, shape.pitches};
    std::int64_t pitch = tensor.image_pitch;
    std::byte* base = nullptr;
    if (tensor.memory == BoundTensor::Memory::workspace) {
      base = workspace + tensor.offset_bytes * batch;
    } else {
      const ConstTensorView port =
          tensor.memory == BoundTensor::Memory::input ? inputs[tensor.port] : ConstTensorView(outputs[tensor.port]);
      base = const_cast<std::byte*>(static_cast<const std::byte*>(port.data));
      if (tensor.callers_pitch) pitch = port.pitches[0];
    }
    view.data = base + tensor.first_bytes;
    view.extents[0] = batch * tensor.images;
    view.pitches[0] = pitch;
    return view;
  }
};

std::byte* aligned(void* memory) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t up = (address + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
  return static_cast<std::byte*>(memory) + (up - address);
}

}  // namespace

struct Network::State {
  State(NetworkPlan plan_in, std::vector<ConvLayer> layers) : plan(std::move(plan_in)), ports(plan) {
    for (std::size_t i = 0; i < plan.steps.size(); ++i)
      steps.push_back({std::move(layers[i]), detail::bind_step(plan, plan.steps[i])});
  }

  /// The layers, as ConvLayer::force_kernel may change them.
  std::vector<ConvLayer> layers() const {
    std::vector<ConvLayer> list;
    for (const BoundStep& step : steps) list.push_back(step.layer);
    return list;
  }

  /// Chooses all kernels that have not been.
  /// @return the step that has none, or nullptr
  const BoundStep* prepare() const {
    if (prepared.load(std::memory_order_acquire)) return nullptr;
    for (const BoundStep& step : steps)
      if (!step.tensors.in_place && step.layer.kernel() == nullptr) return &step;
    prepared.store(true, std::memory_order_release);
    return nullptr;
  }

  /// Bytes that the layers need for that many threads; they are prepared.
  std::size_t layer_bytes(int concurrency) const {
    const auto index = static_cast<std::size_t>(concurrency);
    if (index < kKnownConcurrency)
      if (const std::size_t known = known_bytes[index].load(std::memory_order_relaxed); known != 0) return known - 1;
    CountedThreads threads(concurrency);
    std::size_t most = 0;
    for (const BoundStep& step : steps)
      if (!step.tensors.in_place) most = std::max(most, step.layer.workspace_bytes({&threads, {}}));
    if (index < kKnownConcurrency) known_bytes[index].store(most + 1, std::memory_order_relaxed);
    return most;
  }

  /// Bytes of the whole workspace; false if they are more than there can be.
  bool workspace_bytes(std::int64_t batch, int concurrency, std::size_t& bytes) const {
    std::int64_t tensors = 0;
    bytes = layer_bytes(concurrency);
    if (__builtin_mul_overflow(plan.tensor_bytes, batch, &tensors) ||
        __builtin_add_overflow(bytes, static_cast<std::size_t>(tensors), &bytes))
      return false;
    return bytes == 0 || !__builtin_add_overflow(bytes, kBufferAlignment, &bytes);  // to align the start
  }

  bool check_views(const ConstTensorView* in, std::size_t in_count, const TensorView* out, std::size_t out_count,
                   std::int64_t& batch, Status& status) const noexcept;
  bool check_overlap(const ConstTensorView* in, const TensorView* out, const Workspace& workspace,
                     Status& status) const noexcept;
  Status run_steps(const CallMemory& memory, const RunContext& layers, detail::StepObserver* observer) const noexcept;

  const NetworkPlan plan;
  std::vector<BoundStep> steps;
  const detail::Ports ports;
  mutable std::atomic<bool> prepared{false};
  mutable std::array<std::atomic<std::size_t>, kKnownConcurrency> known_bytes{};  // plus 1; 0: not known
};

bool Network::State::check_views(const ConstTensorView* in, std::size_t in_count, const TensorView* out,
                                 std::size_t out_count, std::int64_t& batch, Status& status) const noexcept {
  if (!ports.check(in, in_count, out, out_count, batch, status)) return false;
  if (batch == 0) return true;
  for (std::size_t i = 0; i < in_count; ++i)
    if (!check_port_memory("input", ports.inputs[i], in[i], false, status)) return false;
  for (std::size_t i = 0; i < out_count; ++i)
    if (!check_port_memory("output", ports.outputs[i], out[i], true, status)) return false;
  return true;
}

/// The views have been checked. A workspace that is not given overlaps nothing.
bool Network::State::check_overlap(const ConstTensorView* in, const TensorView* out, const Workspace& workspace,
                                   Status& status) const noexcept {
  std::array<Images, detail::kMostPorts> spans;
  const std::size_t in_count = ports.inputs.size(), count = in_count + ports.outputs.size();
  const auto name = [&](std::size_t i) {
    return (i < in_count ? ports.inputs[i] : ports.outputs[i - in_count]).info.name.c_str();
  };
  for (std::size_t i = 0; i < count; ++i)
    spans[i] = i < in_count ? images_of_port(ports.inputs[i], in[i])
                            : images_of_port(ports.outputs[i - in_count], out[i - in_count]);
  Images scratch;
  scratch.data = workspace.data;
  scratch.batch = scratch.H = scratch.W = scratch.element_bytes = 1;
  scratch.C = scratch.batch_pitch = static_cast<std::int64_t>(workspace.bytes);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t o = std::max(in_count, i + 1); o < count; ++o)
      if (images_overlap(spans[i], spans[o])) {
        status = Status::error(StatusCode::invalid_layout, "network: %s '%s' and output '%s' overlap",
                               i < in_count ? "input" : "output", name(i), name(o));
        return false;
      }
    if (workspace.data != nullptr && workspace.bytes != 0 && images_overlap(spans[i], scratch)) {
      status = Status::error(StatusCode::invalid_layout, "network: %s '%s' and the workspace overlap",
                             i < in_count ? "input" : "output", name(i));
      return false;
    }
  }
  return true;
}

Status Network::State::run_steps(const CallMemory& memory, const RunContext& context,
                                 detail::StepObserver* observer) const noexcept {
  std::array<ConstTensorView, detail::kMaxOperands> operands;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const BoundStep& step = steps[s];
    if (observer != nullptr) observer->begin(s);
    if (const auto& [input, output, others, in_place] = step.tensors; !in_place) {
      for (std::size_t i = 0; i < others.size(); ++i) operands[i] = memory.view_of(others[i]);
      const Status status =
          step.layer.run(context, memory.view_of(input), operands.data(), others.size(), memory.view_of(output));
      if (!status.ok()) return status;
    }
    if (observer != nullptr) observer->end(s);
  }
  return {};
}

Network::Network(NetworkPlan plan, std::vector<NamedWeights> weights) {
  validate(plan);
  std::map<std::string_view, NamedWeights*> by_name;
  for (NamedWeights& layer : weights)
    if (!by_name.emplace(layer.name, &layer).second)
      throw std::invalid_argument("network: two layers are named " + detail::quoted(layer.name));
  std::vector<ConvLayer> layers;
  for (const NetworkStep& step : plan.steps) {
    const auto found = by_name.find(step.layer);
    if (found == by_name.end())
      throw std::invalid_argument("network: step " + detail::quoted(step.layer) + ": no weights of this name");
    if (found->second->problem != step.problem)
      throw std::invalid_argument("network: step " + detail::quoted(step.layer) + ": weights of the problem " +
                                  to_text(found->second->problem) + "; expected " + to_text(step.problem));
    layers.emplace_back(step.layer, step.problem, std::move(found->second->weights));
  }
  state_ = std::make_shared<const State>(std::move(plan), std::move(layers));
}

const std::vector<NetworkTensorInfo>& Network::inputs() const noexcept { return state_->ports.input_infos; }
const std::vector<NetworkTensorInfo>& Network::outputs() const noexcept { return state_->ports.output_infos; }
const NetworkPlan& detail::NetworkAccess::plan(const Network& network) noexcept { return network.state_->plan; }
const std::vector<NetworkStep>& Network::steps() const noexcept { return state_->plan.steps; }
const ConvLayer& Network::layer(std::size_t step) const noexcept { return state_->steps[step].layer; }

Status Network::run(const RunContext& context, const ConstTensorView* inputs, std::size_t input_count,
                    const TensorView* outputs, std::size_t output_count) const noexcept {
  return detail::NetworkAccess::run(*this, context, inputs, input_count, outputs, output_count, nullptr);
}

Status detail::NetworkAccess::run(const Network& network, const RunContext& context, const ConstTensorView* inputs,
                                  std::size_t input_count, const TensorView* outputs, std::size_t output_count,
                                  StepObserver* observer) noexcept {
  const Network::State& state = *network.state_;
  Status status;
  std::int64_t batch = 0;
  if (!state.check_views(inputs, input_count, outputs, output_count, batch, status) || batch == 0) return status;
  if (!state.check_overlap(inputs, outputs, context.workspace, status)) return status;
  try {
    if (const BoundStep* step = state.prepare())
      return Status::error(StatusCode::no_kernel, "network: step '%s' has no kernel: %s", step->layer.name().c_str(),
                           step->layer.why_not().c_str());
    Executor& executor = executor_of(context);
    const int concurrency = executor.concurrency();
    std::size_t wanted = 0;
    if (concurrency < 1)
      return Status::error(StatusCode::kernel_failed,
                           "network: the executor's concurrency() is %d; expected at least 1", concurrency);
    if (!state.workspace_bytes(batch, concurrency, wanted))
      return Status::error(StatusCode::invalid_shape, "network: a batch of %lld needs more memory than there can be",
                           static_cast<long long>(batch));
    void* memory = context.workspace.data;
    if (wanted != 0 && memory == nullptr) {
      memory = ::operator new (wanted, std::align_val_t{kBufferAlignment}, std::nothrow);
      if (memory == nullptr)
        return Status::error(StatusCode::workspace_too_small, "network: cannot allocate a workspace of %zu bytes",
                             wanted);
    } else if (wanted > context.workspace.bytes) {
      return Status::error(StatusCode::workspace_too_small,
                           "network: the workspace has %zu bytes; expected %zu (workspace_bytes())",
                           context.workspace.bytes, wanted);
    }
    std::byte* const start = aligned(memory);
    const Workspace scratch{start + state.plan.tensor_bytes * batch, state.layer_bytes(concurrency)};
    status = state.run_steps({start, inputs, outputs, batch}, {&executor, scratch}, observer);
    if (wanted != 0 && context.workspace.data == nullptr)
      ::operator delete (memory, std::align_val_t{kBufferAlignment});
    return status;
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "network: %s", error.what());
  }
}

std::size_t Network::workspace_bytes(std::int64_t batch, const RunContext& context) const {
  if (const BoundStep* step = state_->prepare())
    throw std::invalid_argument("network: step " + detail::quoted(step->layer.name()) + " has no kernel\n" +
                                step->layer.why_not());
  const int concurrency = executor_of(context).concurrency();
  if (concurrency < 1)
    throw std::invalid_argument("executor: concurrency() is " + std::to_string(concurrency) + "; expected at least 1");
  std::size_t bytes = 0;
  if (batch < 0 || !state_->workspace_bytes(batch, concurrency, bytes))
    throw std::invalid_argument("network: a batch of " + std::to_string(batch) + " cannot be run");
  return batch == 0 ? 0 : bytes;
}

std::string Network::why_not() const {
  std::string text;
  for (const BoundStep& step : state_->steps) text += step.layer.name() + ":\n" + step.layer.why_not() + "\n";
  return text;
}

void Network::force_kernel(std::string_view target) {
  std::vector<ConvLayer> layers = state_->layers();
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (!state_->steps[i].tensors.in_place) layers[i].force_kernel(target);
  state_ = std::make_shared<const State>(state_->plan, std::move(layers));
}

}  // namespace sepconv
