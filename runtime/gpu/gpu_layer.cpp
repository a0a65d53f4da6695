#include <stdexcept>
#include <vector>

#include "runtime/core/cpu_features.h"
#include "runtime/core/environment.h"
#include "runtime/core/feature_table.h"
#include "runtime/core/merged_pixels.h"
#include "runtime/core/prepack.h"
#include "runtime/gpu/device_runtime.h"
#include "sepconv/detail/kernel_arguments.h"
#include "sepconv/kernel_registry.h"

namespace sepconv {
namespace {

/// One image axis after the other, innermost first; flat: one axis for all pixels.
struct ImageBuffer {
  halide_dimension_t dims[4]{};
  halide_buffer_t buffer{};

  ImageBuffer(const GpuTensor::Memory& memory, const ConvProblem& p, int C, int W, int H, std::int64_t batch,
              bool flat) {
    std::vector<int> extents = flat ? std::vector<int>{H * W} : std::vector<int>{W, H};
    extents.insert(p.layout == Layout::nhwc ? extents.begin() : extents.end(), C);
    extents.push_back(static_cast<int>(batch));
    int pitch = 1;
    for (std::size_t i = 0; i < extents.size(); ++i) {
      dims[i] = halide_dimension_t(0, extents[i], pitch);
      pitch *= extents[i];
    }
    buffer = memory.buffer;
    buffer.dimensions = static_cast<int>(extents.size());
    buffer.dim = dims;
  }
  ImageBuffer(const ImageBuffer&) = delete;
  ImageBuffer& operator=(const ImageBuffer&) = delete;
};

struct KernelChoice {
  const CompiledKernel* kernel = nullptr;
  std::string refusals;  // a part for each kernel that was refused, "; target: why"
};

KernelChoice choose_kernel(const ConvProblem& problem, const GpuContext::State& state, std::string_view wanted) {
  KernelChoice choice;
  for (const RegisteredKernel& candidate : registered_kernels()) {
    const CompiledKernel* kernel = candidate.kernel;
    const std::uint64_t missing = kernel->required_features & ~(detected_cpu_features() | state.features);
    std::string reason = mismatch_reason(candidate.problem, problem);
    if (!reason.empty()) reason = "made for another problem: " + reason;
    if (reason.empty() && (kernel->required_features & detail::device_features()) == 0) reason = "a kernel for CPUs";
    if (reason.empty() && !wanted.empty() && wanted != kernel->target && wanted != kernel->symbol)
      reason = "the choice is restricted to '" + std::string(wanted) + "'";
    if (reason.empty() && missing != 0) reason = "the device or the CPU lacks " + cpu_feature_names(missing);
    if (!reason.empty())
      choice.refusals += "; " + std::string(kernel->target) + ": " + reason;
    else if (choice.kernel == nullptr || kernel->rank > choice.kernel->rank)
      choice.kernel = kernel;
  }
  return choice;
}

}  // namespace

struct GpuLayer::State {
  std::string name;
  ConvProblem problem;
  std::shared_ptr<GpuContext::State> context;
  const CompiledKernel* kernel = nullptr;
  Extents kernel_input;             // the input as the kernel sees it
  std::vector<Argument> arguments;  // of the kernel; kernels for GPUs have static extents, and so take no pads
  std::vector<GpuTensor> weights;   // in the order of the arguments

  Status check(const GpuTensor& tensor, const char* what, const Shape& wanted) const noexcept;
};

GpuLayer::GpuLayer(const GpuContext& context, std::string name, const ConvProblem& problem, const ConvWeights& weights,
                   std::string_view target) {
  validate(problem);
  if (kernel_problem(problem) != problem)
    throw std::invalid_argument("layer '" + name +
                                "': its activation along an axis is applied on the host; make the "
                                "layer of kernel_problem() and apply the activation to the copied output");
  if (!operands_of(problem).empty())
    throw std::invalid_argument("layer '" + name + "': an epilogue that reads other tensors runs on CPUs only");
  if (!problem.input_pitches.dense() || !problem.output_pitches.dense())
    throw std::invalid_argument("layer '" + name + "': a layer on a GPU reads and writes whole tensors");
  auto state = std::make_shared<State>();
  state->name = std::move(name);
  state->problem = problem;
  state->context = context.state();
  state->arguments = arguments_of(problem);
  state->kernel_input = detail::with_merged_pixels(problem).extents_after(0);
  const KernelChoice choice =
      choose_kernel(problem, *state->context, target.empty() ? detail::environment_target() : std::string(target));
  if (choice.kernel == nullptr)
    throw std::invalid_argument("layer '" + state->name + "': no GPU kernel for " + to_text(problem) +
                                "; build one: sepconv compile MODEL --layers '" + state->name + "' --target " +
                                (context.api() == GpuApi::cuda ? "cuda-sm80" : "opencl") +
                                " -o DIR, and call use_kernels" + choice.refusals);
  state->kernel = choice.kernel;
  const PackedWeights packed =
      pack_weights(weights, problem, {choice.kernel->depthwise_panel, choice.kernel->pointwise_panel});
  for (const PackedArray& array : packed.arrays) {
    const Shape shape = {static_cast<std::int64_t>(array.size())};
    state->weights.emplace_back(context, array.dtype(), shape);
    const Status status = state->weights.back().copy_from(dense_view(array.data(), shape));
    if (!status.ok()) throw std::runtime_error("layer '" + state->name + "': " + status.message());
  }
  state_ = std::move(state);
}

const std::string& GpuLayer::name() const noexcept { return state_->name; }
const ConvProblem& GpuLayer::problem() const noexcept { return state_->problem; }
const CompiledKernel& GpuLayer::kernel() const noexcept { return *state_->kernel; }

Shape GpuLayer::input_shape(std::int64_t batch) const {
  const ConvProblem& p = state_->problem;
  return p.layout == Layout::nhwc ? Shape{batch, p.IH, p.IW, p.IC} : Shape{batch, p.IC, p.IH, p.IW};
}

Shape GpuLayer::output_shape(std::int64_t batch) const {
  const ConvProblem& p = state_->problem;
  return p.layout == Layout::nhwc ? Shape{batch, p.OH(), p.OW(), p.OC()} : Shape{batch, p.OC(), p.OH(), p.OW()};
}

Status GpuLayer::State::check(const GpuTensor& tensor, const char* what, const Shape& wanted) const noexcept {
  if (tensor.memory().context != context)
    return Status::error(StatusCode::invalid_layout, "layer '%s': the %s is a tensor of another GpuContext",
                         name.c_str(), what);
  if (tensor.dtype() != problem.dtype)
    return Status::error(StatusCode::invalid_dtype, "layer '%s': the %s is %s; expected %s", name.c_str(), what,
                         keras_name(tensor.dtype()), keras_name(problem.dtype));
  Shape without_height = wanted;
  without_height.erase(without_height.begin() + (problem.layout == Layout::nhwc ? 1 : 2));
  const bool one_dimensional = problem.IH == 1 && problem.stages[0].window.KH == 1;
  if (tensor.shape() != wanted && !(one_dimensional && tensor.shape() == without_height))
    return Status::error(StatusCode::invalid_shape, "layer '%s': the %s has shape %s; expected %s", name.c_str(), what,
                         to_text(tensor.shape()).c_str(), to_text(wanted).c_str());
  return {};
}

Status GpuLayer::run(const GpuTensor& in, GpuTensor& out) const noexcept {
  const State& s = *state_;
  const ConvProblem& p = s.problem;
  try {
    const std::int64_t batch = in.shape().front();
    if (Status status = s.check(in, "input", input_shape(batch)); !status.ok()) return status;
    if (Status status = s.check(out, "output", output_shape(batch)); !status.ok()) return status;
    constexpr std::int64_t kMostImages = 65535;  // the grid's third axis
    if (batch > kMostImages)
      return Status::error(StatusCode::invalid_shape, "layer '%s': a batch of %lld; expected at most %lld",
                           s.name.c_str(), static_cast<long long>(batch), static_cast<long long>(kMostImages));
    if (&in == &out)
      return Status::error(StatusCode::invalid_layout, "layer '%s': the input and the output overlap", s.name.c_str());
    ImageBuffer input(in.memory(), p, p.IC, s.kernel_input.W, s.kernel_input.H, batch, false);
    ImageBuffer output(out.memory(), p, p.OC(), p.OW(), p.OH(), batch, s.kernel->flat_output != 0);
    std::vector<halide_buffer_t> weights;
    for (const GpuTensor& tensor : s.weights) weights.push_back(tensor.memory().buffer);
    void* user = s.context.get();
    std::vector<void*> argv = {&user};
    std::size_t weight = 0;
    for (const Argument& argument : s.arguments) {
      if (is_weight(argument.kind))
        argv.push_back(&weights[weight++]);
      else
        argv.push_back(argument.kind == ArgumentKind::input ? &input.buffer : &output.buffer);
    }
    const int result = s.kernel->function(argv.data());
    if (result == 0) return {};
    return Status::error(StatusCode::kernel_failed, "layer '%s': kernel %s returned error %d: %s", s.name.c_str(),
                         s.kernel->symbol, result, s.context->take_error().c_str());
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "layer '%s': %s", s.name.c_str(), error.what());
  }
}

}  // namespace sepconv
