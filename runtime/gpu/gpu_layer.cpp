#include <array>
#include <stdexcept>

#include "runtime/core/view_checks.h"
#include "runtime/gpu/device_kernel.h"
#include "sepconv/gpu.h"

namespace sepconv {

struct GpuLayer::State {
  std::string name;
  ConvProblem problem;
  std::shared_ptr<GpuContext::State> context;
  DeviceKernel kernel;
  std::vector<Argument> operands;

  Status check(const GpuTensor& tensor, const char* what, const Shape& wanted) const noexcept;
};

GpuLayer::GpuLayer(const GpuContext& context, std::string name, const ConvProblem& problem, const ConvWeights& weights,
                   std::string_view target) {
  validate(problem);
  if (kernel_problem(problem) != problem)
    throw std::invalid_argument("layer '" + name +
                                "': its activation along an axis is applied on the host; make the "
                                "layer of kernel_problem() and apply the activation to the copied output");
  if (!problem.input_pitches.dense() || !problem.output_pitches.dense())
    throw std::invalid_argument("layer '" + name + "': a layer on a GPU reads and writes whole tensors");
  const std::string what = "layer '" + name + "'";
  DeviceKernel kernel(context, what, problem, weights, "--layers '" + name + "'", target);
  state_ = std::make_shared<const State>(
      State{std::move(name), problem, context.state(), std::move(kernel), operands_of(problem)});
}

const std::string& GpuLayer::name() const noexcept { return state_->name; }
const ConvProblem& GpuLayer::problem() const noexcept { return state_->problem; }
const CompiledKernel& GpuLayer::kernel() const noexcept { return state_->kernel.kernel(); }

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

Status GpuLayer::run(const GpuTensor& in, const GpuTensor* const* operands, std::size_t operand_count,
                     GpuTensor& out) const noexcept {
  const State& s = *state_;
  if (operand_count != s.operands.size())
    return Status::error(StatusCode::invalid_shape, "layer '%s': called with %zu operands; expected %zu",
                         s.name.c_str(), operand_count, s.operands.size());
  try {
    const std::int64_t batch = in.shape().front();
    const auto images_of = [&](const GpuTensor& tensor) {
      return DeviceImages{&tensor.memory(), 0, tensor.memory().dimension.extent / batch};
    };
    if (Status status = s.check(in, "input", input_shape(batch)); !status.ok()) return status;
    if (Status status = s.check(out, "output", output_shape(batch)); !status.ok()) return status;
    std::array<DeviceImages, detail::kMaxOperands> images;
    bool overlap = &in == &out;
    for (std::size_t i = 0; i < operand_count; ++i) {
      Shape shape = s.operands[i].shape;
      shape.insert(shape.begin(), batch);
      const std::string which = "operand " + std::to_string(i);
      if (Status status = s.check(*operands[i], which.c_str(), shape); !status.ok()) return status;
      overlap = overlap || operands[i] == &out;
      images[i] = images_of(*operands[i]);
    }
    if (overlap)
      return Status::error(StatusCode::invalid_layout, "layer '%s': the output overlaps an input", s.name.c_str());
    return s.kernel.launch(images_of(in), images.data(), images_of(out), batch);
  } catch (const std::exception& error) {
    return Status::error(StatusCode::kernel_failed, "layer '%s': %s", s.name.c_str(), error.what());
  }
}

}  // namespace sepconv
