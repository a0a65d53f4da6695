#include "sepconv/conv_problem.h"

#include <algorithm>
#include <tuple>

#include "runtime/core/stage_kinds.h"

namespace sepconv {
namespace {

std::int32_t output_extent(std::int32_t input, std::int32_t pads, std::int32_t effective, std::int32_t stride) {
  if (input == kDynamic) return kDynamic;
  const std::int32_t room = input + pads - effective;
  return room < 0 ? 0 : room / stride + 1;
}

auto fields_of(const Window& w) {
  return std::tie(w.KH, w.KW, w.stride_h, w.stride_w, w.dilation_h, w.dilation_w, w.pad_top, w.pad_bottom, w.pad_left,
                  w.pad_right);
}
auto fields_of(const Stage& s) {
  return std::tie(s.kind, s.window, s.depth_multiplier, s.out_channels, s.epilogue, s.epsilon, s.out_H, s.out_W,
                  s.interpolation);
}
auto fields_of(const ConvProblem& p) {
  return std::tie(p.dtype, p.strict_float, p.layout, p.IH, p.IW, p.IC, p.input_pitches, p.output_pitches, p.stages);
}

bool is_activation(const EpilogueStep& step) { return step.kind == EpilogueKind::activation; }
bool is_bias(const EpilogueStep& step) { return step.kind == EpilogueKind::bias; }

}  // namespace

bool Window::is_identity() const {
  return KH == 1 && KW == 1 && stride_h == 1 && stride_w == 1 && pad_top == 0 && pad_bottom == 0 && pad_left == 0 &&
         pad_right == 0;
}

std::int32_t Window::OH(std::int32_t IH) const { return output_extent(IH, pad_top + pad_bottom, KH_eff(), stride_h); }
std::int32_t Window::OW(std::int32_t IW) const { return output_extent(IW, pad_left + pad_right, KW_eff(), stride_w); }

bool operator==(const Window& a, const Window& b) { return fields_of(a) == fields_of(b); }
bool operator==(const Stage& a, const Stage& b) { return fields_of(a) == fields_of(b); }
bool operator==(const Extents& a, const Extents& b) { return a.H == b.H && a.W == b.W && a.C == b.C; }
bool operator==(const Pitches& a, const Pitches& b) { return a.row == b.row && a.pixel == b.pixel; }
bool operator==(const ConvProblem& a, const ConvProblem& b) { return fields_of(a) == fields_of(b); }
bool operator==(const EpilogueStep& a, const EpilogueStep& b) {
  return a.kind == b.kind && (!is_activation(a) || a.activation == b.activation) &&
         (!has_operand(a) || a.broadcast == b.broadcast);
}

bool has_operand(const EpilogueStep& step) { return detail::entry_of(step.kind).has_operand; }

Epilogue make_epilogue(bool bias, const Activation& activation) {
  Epilogue epilogue;
  if (bias) epilogue.push_back({EpilogueKind::bias, {}});
  set_activation(epilogue, activation);
  return epilogue;
}

bool has_bias(const Epilogue& epilogue) { return std::any_of(epilogue.begin(), epilogue.end(), is_bias); }

Activation activation_of(const Epilogue& epilogue) {
  const auto step = std::find_if(epilogue.rbegin(), epilogue.rend(), is_activation);
  return step == epilogue.rend() ? Activation{} : step->activation;
}

void set_bias(Epilogue& epilogue, bool bias) {
  epilogue.erase(std::remove_if(epilogue.begin(), epilogue.end(), is_bias), epilogue.end());
  if (bias) epilogue.insert(epilogue.begin(), {EpilogueKind::bias, {}});
}

void set_activation(Epilogue& epilogue, const Activation& activation) {
  if (!epilogue.empty() && is_activation(epilogue.back())) epilogue.pop_back();
  if (activation != Activation{}) epilogue.push_back({EpilogueKind::activation, activation});
}

Extents ConvProblem::extents_after(std::size_t count) const {
  Extents extents{IH, IW, IC};
  for (std::size_t i = 0; i < count; ++i) extents = detail::entry_of(stages[i].kind).output(stages[i], extents);
  return extents;
}

bool ConvProblem::has(StageKind kind) const {
  return std::any_of(stages.begin(), stages.end(), [kind](const Stage& stage) { return stage.kind == kind; });
}

double ConvProblem::flops() const {
  double total = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Extents in = extents_after(i), out = extents_after(i + 1);
    total += 2.0 * out.H * out.W * detail::entry_of(stages[i].kind).multiply_adds(stages[i], in.C);
  }
  return total;
}

std::string stages_name(const ConvProblem& p) {
  const auto is_pointwise = [&](const Stage& stage) {
    return stage.kind == StageKind::conv && stage.window.KH == 1 && stage.window.KW == 1;
  };
  if (p.stages.size() == 1 && is_pointwise(p.stages[0])) return "pointwise";
  if (p.stages.size() == 2 && p.stages[0].kind == StageKind::depthwise && is_pointwise(p.stages[1])) return "separable";
  std::string name;
  for (const Stage& stage : p.stages) name += (name.empty() ? "" : "+") + std::string(to_text(stage.kind));
  return name;
}

ConvProblem kernel_problem(ConvProblem problem) {
  Epilogue& last = problem.stages.back().epilogue;
  if (!is_elementwise(activation_of(last).kind)) set_activation(last, {});
  return problem;
}

DataType accumulator_type(DataType dtype) { return dtype == DataType::float64 ? DataType::float64 : DataType::float32; }

ConvProblem with_dynamic_extents(ConvProblem p) {
  bool one_row = p.IH == 1;
  for (const Stage& stage : p.stages) one_row = one_row && stage.window.KH == 1;
  if (!one_row) p.IH = kDynamic;
  p.IW = kDynamic;
  // The pads of later stages do not depend on the input: only valid windows of one tap stand there.
  Window& window = p.stages.front().window;
  if (!one_row) window.pad_top = window.pad_bottom = kDynamic;
  window.pad_left = window.pad_right = kDynamic;
  return p;
}

std::string to_text(const EpilogueStep& step) {
  constexpr const char* kSuffixes[] = {"", "_c", "_p"};
  if (is_activation(step)) return to_text(step.activation);
  return std::string(detail::entry_of(step.kind).text) +
         (has_operand(step) ? kSuffixes[static_cast<int>(step.broadcast)] : "");
}

const char* to_text(StageKind kind) { return detail::entry_of(kind).text; }
const char* to_text(Interpolation interpolation) {
  return interpolation == Interpolation::nearest ? "nearest" : "bilinear";
}
const char* to_text(Layout layout) { return layout == Layout::nhwc ? "nhwc" : "nchw"; }

}  // namespace sepconv
