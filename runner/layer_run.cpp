#include "runner/layer_run.h"

#include <optional>
#include <stdexcept>
#include <utility>

#include "runner/compare.h"
#include "sepconv/detail/padding.h"

namespace sepconv::runner {
namespace {

Shape shape_of(const ConvProblem& p, std::int64_t batch, std::int64_t H, std::int64_t W, std::int64_t C) {
  return p.layout == Layout::nhwc ? Shape{batch, H, W, C} : Shape{batch, C, H, W};
}

void set_pads(std::int32_t extent, std::int32_t effective, std::int32_t stride, Padding padding, std::int32_t& before,
              std::int32_t& after) {
  const AxisPads pads = pads_of_axis(padding, extent, effective, stride);
  before = static_cast<std::int32_t>(pads.before);
  after = static_cast<std::int32_t>(pads.after);
}

std::vector<Tensor> operand_tensors(const ConvProblem& p, std::int64_t batch, const Operands& operands) {
  const std::vector<Shape> shapes = operand_shapes(p, batch);
  if (operands.size() != shapes.size())
    throw std::invalid_argument(std::to_string(operands.size()) + " operands; " + to_text(p) + " has " +
                                std::to_string(shapes.size()));
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < shapes.size(); ++i) tensors.push_back(make_tensor(operands[i], shapes[i], p.dtype));
  return tensors;
}

std::vector<ConstTensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<ConstTensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

}  // namespace

std::size_t elements(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

Shape input_shape(const ConvProblem& p, std::int64_t batch) { return shape_of(p, batch, p.IH, p.IW, p.IC); }
Shape output_shape(const ConvProblem& p, std::int64_t batch) {
  Shape shape = shape_of(p, batch, p.OH(), p.OW(), p.OC());
  const Activation& activation = activation_of(p.stages.back().epilogue);
  if (activation.kind == ActivationKind::glu) {
    std::int64_t& extent = shape.at(shape.size() - static_cast<std::size_t>(-activation.axis));
    if (extent % 2 != 0)
      throw std::invalid_argument("glu: the axis has " + std::to_string(extent) + " elements; expected an even number");
    extent /= 2;
  }
  return shape;
}

std::vector<Shape> operand_shapes(const ConvProblem& p, std::int64_t batch) {
  std::vector<Shape> shapes;
  for (const Argument& argument : operands_of(p)) {
    shapes.push_back({batch});
    shapes.back().insert(shapes.back().end(), argument.shape.begin(), argument.shape.end());
  }
  return shapes;
}

GuardedRun run_guarded(const ConvLayer& layer, Executor& executor, std::span<const double> input, const Shape& in_shape,
                       const Shape& out_shape, const Operands& operands) {
  if (input.size() != elements(in_shape))
    throw std::invalid_argument("run_guarded: " + std::to_string(input.size()) + " elements for shape " +
                                to_text(in_shape));
  const DataType dtype = layer.problem().dtype;
  RunContext context{.executor = &executor};
  const std::size_t workspace_bytes = layer.workspace_bytes(context);
  GuardedBuffer workspace(workspace_bytes);
  context.workspace = {static_cast<std::byte*>(workspace.data()), workspace_bytes};
  GuardedBuffer output(elements(out_shape) * size_bytes(dtype));
  const Tensor in = cast(dense_view(input.data(), in_shape), dtype);
  const TensorView out = dense_view(output.data(), dtype, out_shape);
  const std::vector<Tensor> tensors = operand_tensors(layer.problem(), in_shape[0], operands);
  const std::vector<ConstTensorView> views = views_of(tensors);
  const Status status = layer.run(context, in, views.data(), views.size(), out);
  GuardedRun result{to_doubles(out), {}};
  if (!status.ok())
    result.fault = std::string(to_text(status.code())) + ": " + status.message();
  else if (!output.intact())
    result.fault = "wrote outside the output";
  else if (!workspace.intact())
    result.fault = "wrote outside the workspace";
  return result;
}

RepeatedRun::RepeatedRun(const ConvLayer& layer, Executor& executor, const std::vector<double>& input,
                         const Shape& in_shape, const Shape& out_shape, const Operands& operands)
    : layer_(&layer),
      input_(make_tensor(input, in_shape, layer.problem().dtype)),
      output_(out_shape, layer.problem().dtype),
      workspace_(layer.workspace_bytes({.executor = &executor})),
      context_{.executor = &executor, .workspace = {workspace_.data(), workspace_.size()}},
      in_(std::as_const(input_).view()),
      operands_(operand_tensors(layer.problem(), in_shape[0], operands)),
      operand_views_(views_of(operands_)),
      out_(output_.view()) {}

void RepeatedRun::operator()() {
  const Status status = layer_->run(context_, in_, operand_views_.data(), operand_views_.size(), out_);
  if (!status.ok()) throw std::runtime_error(layer_->name() + ": " + status.message());
}

std::vector<ConcreteProblem> concrete_problems(const ConvProblem& dynamic, std::int32_t extent) {
  std::vector<std::string> paddings = {"valid", "same"};
  if (!dynamic.dynamic_h() && dynamic.stages[0].window.KH == 1) paddings.emplace_back("causal");
  std::vector<ConcreteProblem> problems;
  for (const std::string& padding : paddings)
    problems.push_back(
        {padding,
         with_extents(dynamic, dynamic.dynamic_h() ? dynamic.stages[0].window.KH_eff() + extent : dynamic.IH,
                      dynamic.dynamic_w() ? dynamic.stages[0].window.KW_eff() + extent : dynamic.IW, padding)});
  return problems;
}

ConvProblem with_extents(ConvProblem p, std::int32_t H, std::int32_t W, const std::string& padding_text) {
  const std::optional<Padding> known = padding_from_text(padding_text);
  if (!known) throw std::invalid_argument("padding: received '" + padding_text + "'; expected valid, same or causal");
  const Padding padding = *known;
  Window& w = p.stages.front().window;
  if (p.dynamic_h())
    set_pads(H, w.KH_eff(), w.stride_h, padding == Padding::causal ? Padding::valid : padding, w.pad_top, w.pad_bottom);
  if (p.dynamic_w()) set_pads(W, w.KW_eff(), w.stride_w, padding, w.pad_left, w.pad_right);
  p.IH = H;
  p.IW = W;
  validate(p);
  return p;
}

}  // namespace sepconv::runner
