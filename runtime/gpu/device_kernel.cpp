#include "runtime/gpu/device_kernel.h"

#include <array>
#include <stdexcept>
#include <utility>

#include "runtime/core/cpu_features.h"
#include "runtime/core/device_problems.h"
#include "runtime/core/environment.h"
#include "runtime/core/feature_table.h"
#include "runtime/core/kernel_call.h"
#include "runtime/core/merged_pixels.h"
#include "runtime/core/prepack.h"
#include "runtime/core/registered_kernels.h"
#include "sepconv/kernel_registry.h"

namespace sepconv {
namespace {

constexpr std::int64_t kMostImages = 65535;  // the grid's third axis

struct DeviceChoice {
  const CompiledKernel* kernel = nullptr;
  std::string refusals;  // a part for each kernel that was refused, "; target: why"
};

DeviceChoice choose_kernel(const ConvProblem& problem, const GpuContext::State& state, std::string_view wanted) {
  DeviceChoice choice;
  detail::visit_kernels([&](const RegisteredKernel& candidate) {
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
  });
  return choice;
}

}  // namespace

/// Images as a kernel takes them: their axes, the batch, and behind it the place of the images in their memory
/// (kernel_abi.h).
struct DeviceKernel::ImageBuffer {
  std::array<halide_dimension_t, 5> dims;
  halide_buffer_t buffer;

  void set(const DeviceImages& images, const Axes& axes, DataType dtype, std::int64_t batch) noexcept {
    for (int i = 0; i < axes.count; ++i)
      dims[static_cast<std::size_t>(i)] = halide_dimension_t(0, axes.extents[i], axes.pitches[i]);
    const auto behind = static_cast<std::size_t>(axes.count);
    const auto first = static_cast<std::int32_t>(images.first_bytes / static_cast<std::int64_t>(size_bytes(dtype)));
    dims[behind] = halide_dimension_t(0, static_cast<std::int32_t>(batch),
                                      static_cast<std::int32_t>(batch == 1 ? axes.span : images.image_pitch));
    dims[behind + 1] = halide_dimension_t(-1, 2, first);
    buffer = images.memory->buffer;
    buffer.type = device_type(dtype);
    buffer.dimensions = axes.count + 2;
    buffer.dim = dims.data();
  }
};

void DeviceKernel::Axes::add(std::int32_t extent, std::int32_t pitch) noexcept {
  span = count == 0 ? 1 : span;
  span += (extent - std::int64_t{1}) * pitch;
  extents[count] = extent, pitches[count] = pitch;
  ++count;
}

DeviceKernel::Axes DeviceKernel::axes_of(Layout layout, const Extents& e, const Pitches& pitches, bool flat) {
  Axes axes;
  const std::int32_t pixel = layout == Layout::nchw ? 1 : pitches.dense() ? e.C : pitches.pixel;
  if (layout == Layout::nhwc) axes.add(e.C, 1);
  axes.add(flat ? e.W * e.H : e.W, pixel);
  if (!flat) axes.add(e.H, pitches.dense() ? e.W * pixel : pitches.row);
  if (layout == Layout::nchw) axes.add(e.C, e.W * e.H);
  return axes;
}

void DeviceKernel::set_axes() {
  const bool flat = kernel_->flat_output != 0;
  const bool along_axis = detail::is_axis_problem(problem_);
  const ConvProblem seen = along_axis ? problem_ : detail::with_merged_pixels(problem_);
  const Extents out = along_axis ? detail::axis_output(problem_) : seen.extents_after(seen.stages.size());
  input_ = axes_of(problem_.layout, seen.extents_after(0), seen.input_pitches, false);
  output_ = axes_of(problem_.layout, out, seen.output_pitches, flat);
  for (const Argument& argument : operands_of(problem_))
    operands_.push_back(axes_of(problem_.layout, operand_extents(out, argument.broadcast), {}, flat));
}

DeviceKernel::DeviceKernel(const GpuContext& context, std::string what, const ConvProblem& problem,
                           const ConvWeights& weights, const std::string& command, std::string_view target)
    : what_(std::move(what)), problem_(problem), context_(context.state()) {
  const DeviceChoice choice =
      choose_kernel(problem, *context_, target.empty() ? detail::environment_target() : std::string(target));
  if (choice.kernel == nullptr)
    throw std::invalid_argument(what_ + ": no GPU kernel for " + to_text(problem) +
                                "; build one: sepconv compile MODEL " + command + " --target " +
                                (context.api() == GpuApi::cuda ? "cuda-sm80" : "opencl") +
                                " -o DIR, and call use_kernels" + choice.refusals);
  kernel_ = choice.kernel;
  for (const Argument& argument : arguments_of(problem)) arguments_.push_back(argument.kind);
  if (arguments_.size() >= detail::kMaxArguments)
    throw std::invalid_argument(what_ + ": " + std::to_string(arguments_.size()) + " arguments; expected fewer than " +
                                std::to_string(detail::kMaxArguments));
  set_axes();
  const PackedWeights packed = pack_weights(weights, problem, {kernel_->depthwise_panel, kernel_->pointwise_panel});
  for (const PackedArray& array : packed.arrays) {
    const Shape shape = {static_cast<std::int64_t>(array.size())};
    weights_.emplace_back(context, array.dtype(), shape);
    const Status status = weights_.back().copy_from(dense_view(array.data(), shape));
    if (!status.ok()) throw std::runtime_error(what_ + ": " + status.message());
  }
}

Status DeviceKernel::launch(const DeviceImages& in, const DeviceImages* operands, const DeviceImages& out,
                            std::int64_t batch) const noexcept {
  if (batch > kMostImages)
    return Status::error(StatusCode::invalid_shape, "%s: a batch of %lld; expected at most %lld", what_.c_str(),
                         static_cast<long long>(batch), static_cast<long long>(kMostImages));
  const auto element = static_cast<std::int64_t>(size_bytes(problem_.dtype));
  bool reachable = true;
  std::array<ImageBuffer, detail::kMaxArguments> images;
  std::array<halide_buffer_t, detail::kMaxArguments> weights;
  std::array<void*, detail::kMaxArguments> argv;
  void* user = context_.get();
  argv[0] = &user;
  std::size_t count = 1, weight = 0, operand = 0;
  const auto add_images = [&](const DeviceImages& view, const Axes& axes) {
    reachable = reachable && view.first_bytes / element < kMostReachable &&
                (batch - 1) * view.image_pitch + axes.span < kMostReachable;
    if (!reachable) return;
    images[count].set(view, axes, problem_.dtype, batch);
    argv[count] = &images[count].buffer;
  };
  for (const ArgumentKind kind : arguments_) {
    switch (kind) {
      case ArgumentKind::input: add_images(in, input_); break;
      case ArgumentKind::output: add_images(out, output_); break;
      case ArgumentKind::operand: add_images(operands[operand], operands_[operand]), ++operand; break;
      default: weights[count] = weights_[weight++].memory().buffer; argv[count] = &weights[count];
    }
    ++count;
  }
  if (!reachable)
    return Status::error(StatusCode::invalid_shape,
                         "%s: a batch of %lld is beyond the 2^30 elements that a kernel reaches; run smaller batches",
                         what_.c_str(), static_cast<long long>(batch));
  const int result = kernel_->function(argv.data());
  if (result == 0) return {};
  return Status::error(StatusCode::kernel_failed, "%s: kernel %s returned error %d: %s", what_.c_str(), kernel_->symbol,
                       result, context_->take_error().c_str());
}

}  // namespace sepconv
