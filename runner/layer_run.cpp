#include "layer_run.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "compare.h"

namespace sepconv {
namespace {

Shape shape_of(const ConvProblem& p, std::int64_t batch, std::int64_t H, std::int64_t W, std::int64_t C) {
  return p.layout == Layout::nhwc ? Shape{batch, H, W, C} : Shape{batch, C, H, W};
}

std::size_t elements(const Shape& shape) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

void set_pads(std::int32_t extent, std::int32_t effective, std::int32_t stride, const std::string& padding,
              std::int32_t& before, std::int32_t& after) {
  before = after = 0;
  if (padding == "causal") before = effective - 1;
  if (padding != "same") return;
  const std::int32_t output = (extent + stride - 1) / stride;
  const std::int32_t total = std::max((output - 1) * stride + effective - extent, 0);
  before = total / 2;
  after = total - before;
}

}  // namespace

Shape input_shape(const ConvProblem& p, std::int64_t batch) { return shape_of(p, batch, p.IH, p.IW, p.IC); }
Shape output_shape(const ConvProblem& p, std::int64_t batch) { return shape_of(p, batch, p.OH(), p.OW(), p.OC); }

GuardedRun run_guarded(const ConvLayer& layer, Executor& executor, std::span<const float> input, const Shape& in_shape,
                       const Shape& out_shape) {
  if (input.size() != elements(in_shape))
    throw std::invalid_argument("run_guarded: " + std::to_string(input.size()) + " elements for shape " +
                                to_text(in_shape));
  RunContext context{.executor = &executor};
  const std::size_t workspace_bytes = layer.workspace_bytes(context);
  GuardedBuffer workspace((workspace_bytes + sizeof(float) - 1) / sizeof(float));
  context.workspace = {workspace.data(), workspace_bytes};
  GuardedBuffer output(elements(out_shape));
  const Status status = layer.run(context, dense_view(input.data(), in_shape), dense_view(output.data(), out_shape));
  GuardedRun result{{output.values().begin(), output.values().end()}, {}};
  if (!status.ok())
    result.fault = std::string(to_text(status.code())) + ": " + status.message();
  else if (!output.intact())
    result.fault = "wrote outside the output";
  else if (!workspace.intact())
    result.fault = "wrote outside the workspace";
  return result;
}

RepeatedRun::RepeatedRun(const ConvLayer& layer, Executor& executor, std::vector<float> input, const Shape& in_shape,
                         const Shape& out_shape)
    : layer_(&layer),
      input_(std::move(input)),
      output_(elements(out_shape)),
      workspace_(layer.workspace_bytes({.executor = &executor})),
      context_{.executor = &executor, .workspace = {workspace_.data(), workspace_.size()}},
      in_(dense_view(std::as_const(input_).data(), in_shape)),
      out_(dense_view(output_.data(), out_shape)) {}

void RepeatedRun::operator()() {
  const Status status = layer_->run(context_, in_, out_);
  if (!status.ok()) throw std::runtime_error(layer_->name() + ": " + status.message());
}

std::vector<ConcreteProblem> concrete_problems(const ConvProblem& dynamic, std::int32_t extent) {
  std::vector<std::string> paddings = {"valid", "same"};
  if (!dynamic.dynamic_h() && dynamic.KH == 1) paddings.emplace_back("causal");
  std::vector<ConcreteProblem> problems;
  for (const std::string& padding : paddings)
    problems.push_back({padding, with_extents(dynamic, dynamic.dynamic_h() ? dynamic.KH_eff() + extent : dynamic.IH,
                                              dynamic.dynamic_w() ? dynamic.KW_eff() + extent : dynamic.IW, padding)});
  return problems;
}

ConvProblem with_extents(ConvProblem p, std::int32_t H, std::int32_t W, const std::string& padding) {
  if (padding != "valid" && padding != "same" && padding != "causal")
    throw std::invalid_argument("padding: received '" + padding + "'; expected valid, same or causal");
  if (p.dynamic_h())
    set_pads(H, p.KH_eff(), p.stride_h, padding == "causal" ? "valid" : padding, p.pad_top, p.pad_bottom);
  if (p.dynamic_w()) set_pads(W, p.KW_eff(), p.stride_w, padding, p.pad_left, p.pad_right);
  p.IH = H;
  p.IW = W;
  validate(p);
  return p;
}

}  // namespace sepconv
