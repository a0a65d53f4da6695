#include "tests/kernels/random_kernels.h"
#include "tests/stage_lists.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace sepconv::test {

using namespace generators;

namespace {

Epilogue random_epilogue(Draw& draw) {
  static const std::vector<std::string> activations = {"linear",       "relu",
                                                       "relu6",        "relu(0.1;inf;0)",
                                                       "relu(0;4;1)",  "elu",
                                                       "elu(0.5)",     "selu",
                                                       "celu",         "sigmoid",
                                                       "tanh",         "silu",
                                                       "gelu",         "gelu_tanh",
                                                       "softplus",     "softsign",
                                                       "exponential",  "mish",
                                                       "hard_sigmoid", "hard_silu",
                                                       "hard_tanh",    "hard_sigmoid_keras2",
                                                       "soft_shrink",  "hard_shrink",
                                                       "sparse_plus",  "sparse_sigmoid",
                                                       "squareplus",   "log_sigmoid",
                                                       "tanh_shrink",  "threshold(0.5;-1)"};
  static const std::vector<std::string> common = {"linear", "relu", "relu6"};
  const bool bias = draw.chance(0.6);
  return make_epilogue(bias, activation_from_text(draw.one_of(draw.chance(0.7) ? common : activations)));
}

/// Steps behind those that Keras' own layers have: constants, and other tensors.
void add_random_steps(Epilogue& epilogue, bool no_operands, Draw& draw) {
  static const std::vector<EpilogueKind> kinds = {EpilogueKind::scale,    EpilogueKind::prelu,   EpilogueKind::bias,
                                                  EpilogueKind::add,      EpilogueKind::add,     EpilogueKind::subtract,
                                                  EpilogueKind::multiply, EpilogueKind::maximum, EpilogueKind::minimum};
  for (int count = draw.between(1, 3); count > 0; --count) {
    EpilogueStep step{draw.one_of(kinds)};
    if (has_operand(step) && no_operands) continue;
    if (has_operand(step) && draw.chance(0.4))
      step.broadcast = draw.chance(0.5) ? Broadcast::channels : Broadcast::pixels;
    epilogue.push_back(step);
    if (draw.chance(0.3)) epilogue.push_back({EpilogueKind::activation, activation_from_text("relu")});
  }
}

Pitches random_pitches(Draw& draw, const Extents& e) {
  const std::int32_t pixel = e.C + draw.between(0, 9);
  return {e.W * pixel + (draw.chance(0.6) ? 0 : draw.between(0, 20)), pixel};
}

/// A pool, a copy, a norm or a resize.
void draw_without_weights(ConvProblem& p, Draw& draw) {
  const StageKind kind = draw.one_of<StageKind>(
      {StageKind::max_pool, StageKind::average_pool, StageKind::copy, StageKind::norm, StageKind::resize});
  Stage& stage = p.stages.front();
  stage.kind = kind;
  stage.depth_multiplier = 1;
  Window& w = stage.window;
  w.dilation_h = w.dilation_w = 1;
  if (kind == StageKind::norm) {
    w = Window{};
    stage.epsilon = draw.one_of<double>({1e-3, 1e-5, 0.5});
    if (draw.chance(0.2)) {
      p.IC = draw.one_of<int>({64, 100, 255, 257, 384, 1000, 4096});
      p.IH = std::min(p.IH, 3), p.IW = std::min(p.IW, 19);
    }
  } else if (kind == StageKind::resize) {
    w = Window{};
    const bool whole_factors = draw.chance(0.4);
    stage.out_H = p.IH == 1 ? 1 : whole_factors ? p.IH * draw.between(1, 3) : draw.between(1, 40);
    stage.out_W = whole_factors ? p.IW * draw.between(1, 4) : draw.between(1, 60);
    if (draw.chance(0.6)) stage.interpolation = Interpolation::bilinear;
  } else if (kind == StageKind::copy) {
    w.KH = w.KW = 1;
    if (draw.chance(0.6)) w = Window{};
  } else {
    w.pad_top = std::min(w.pad_top, w.KH - 1), w.pad_bottom = std::min(w.pad_bottom, w.KH - 1);
    w.pad_left = std::min(w.pad_left, w.KW - 1), w.pad_right = std::min(w.pad_right, w.KW - 1);
  }
}

ConvProblem draw_problem(Draw& draw) {
  ConvProblem p = problem_of(separable_stages());
  const std::string name =
      draw.one_of<const char*>({"depthwise", "depthwise", "pointwise", "conv", "separable", "separable"});
  p.stages = stages_named(name);
  p.layout = draw.chance(0.3) ? Layout::nchw : Layout::nhwc;
  if (draw.chance(0.5)) p.dtype = draw.one_of<DataType>({DataType::float64, DataType::float16, DataType::bfloat16});
  p.strict_float = draw.chance(0.1);
  const bool one_dimension = draw.chance(0.35);
  const auto extent = [&] { return draw.chance(0.2) ? draw.between(1, 4) : draw.between(1, 24); };
  const auto channels = [&] {
    return draw.chance(0.5) ? draw.one_of<int>({1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48}) : draw.between(1, 40);
  };
  p.IH = one_dimension ? 1 : extent();
  p.IW = one_dimension ? draw.between(1, 150) : extent();
  p.IC = channels();
  const bool depthwise = p.has(StageKind::depthwise), has_window = name != "pointwise";
  const auto taps = [&] { return !has_window ? 1 : draw.chance(0.1) ? draw.between(8, 13) : draw.between(1, 5); };
  window(p).KH = one_dimension ? 1 : taps();
  window(p).KW = taps();
  window(p).stride_h = one_dimension || draw.chance(0.6) ? 1 : draw.between(2, 4);
  window(p).stride_w = draw.chance(0.6) ? 1 : draw.between(2, 4);
  window(p).dilation_h = window(p).KH == 1 || draw.chance(0.7) ? 1 : draw.between(2, 4);
  window(p).dilation_w = window(p).KW == 1 || draw.chance(0.7) ? 1 : draw.between(2, 4);
  const auto pad = [&](int effective) { return !has_window || draw.chance(0.4) ? 0 : draw.between(0, effective); };
  if (!one_dimension) window(p).pad_top = pad(window(p).KH_eff()), window(p).pad_bottom = pad(window(p).KH_eff());
  window(p).pad_left = pad(window(p).KW_eff()), window(p).pad_right = pad(window(p).KW_eff());
  p.stages[0].depth_multiplier = depthwise && draw.chance(0.4) ? draw.between(2, 4) : 1;
  if (p.has(StageKind::conv)) p.stages.back().out_channels = channels();
  if (p.stages.size() == 2) middle(p) = random_epilogue(draw);
  output(p) = random_epilogue(draw);
  if (name == "depthwise" && draw.chance(0.6)) draw_without_weights(p, draw);
  if (draw.chance(0.4)) add_random_steps(output(p), p.stages.back().depth_multiplier > 1, draw);
  if (p.layout == Layout::nhwc && draw.chance(0.2)) p.input_pitches = random_pitches(draw, p.extents_after(0));
  if (p.layout == Layout::nhwc && draw.chance(0.25))
    p.output_pitches = random_pitches(draw, p.extents_after(p.stages.size()));
  return p;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return otherwise;
  std::uint64_t number = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  if (error != std::errc() || stop != end)
    throw std::invalid_argument(std::string(variable) + ": received '" + text + "'; expected a whole number");
  return number;
}

}  // namespace

std::uint64_t random_seed(std::uint64_t otherwise) { return number_from("SEPCONV_RANDOM_SEED", otherwise); }
std::uint64_t random_count(std::uint64_t otherwise) { return number_from("SEPCONV_RANDOM_COUNT", otherwise); }

std::uint64_t Draw::next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int Draw::between(int low, int high) {
  return low + static_cast<int>(next() % static_cast<std::uint64_t>(high - low + 1));
}

bool Draw::chance(double probability) { return static_cast<double>(next() >> 11) * 0x1p-53 < probability; }

ConvProblem random_problem(Draw& draw) {
  for (;;) {
    ConvProblem problem = draw_problem(draw);
    try {
      validate(problem);
      return problem;
    } catch (const std::invalid_argument&) {  // a window beyond the padded input: draw again
    }
  }
}

CpuSchedule random_schedule(const ConvProblem& problem, const Target& target, Draw& draw) {
  const Lowering p = lower(problem, target);
  const bool nhwc = p.layout == Layout::nhwc;
  CpuSchedule s;
  int tile = 1;
  const auto vector_tile = [&] {
    return draw.chance(0.6) ? target.lanes * draw.between(1, 2)
                            : draw.one_of<int>({1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32});
  };
  const auto scalar_tile = [&] { return draw.between(1, 8); };
  if (p.tiles_channels()) {
    DepthwiseCpuSchedule dw;
    dw.c_tile = nhwc ? vector_tile() : scalar_tile();
    dw.ow_tile = nhwc ? scalar_tile() : vector_tile();
    dw.pad_tile = draw.between(0, 1);
    if (draw.chance(0.3)) dw.k_unroll = draw.chance(0.5) ? 1 : p.window.KW;
    if (nhwc && draw.chance(0.3)) dw.c_block = dw.c_tile * draw.between(1, 4);
    tile = dw.ow_tile;
    s.depthwise = dw;
  }
  if (p.has_pointwise()) {
    PointwiseCpuSchedule pw;
    pw.vector_f = nhwc || draw.chance(0.5);
    pw.mr = pw.vector_f ? scalar_tile() : vector_tile();
    pw.nr = pw.vector_f ? vector_tile() : scalar_tile();
    pw.k_unroll = draw.between(1, 4);
    tile = pw.mr;
    s.pointwise = pw;
  }
  const int OH = p.dynamic_h() ? 8 : p.OH(), OW = p.dynamic_w() ? 32 : p.OW();
  s.block.fuse = p.family == KernelFamily::separable ? draw.between(0, 1) : 1;
  const int most_flat = p.family == KernelFamily::separable ? 2 : 1;
  if (p.has_pointwise() && !p.is_dynamic()) s.block.pixels = static_cast<PixelOrder>(draw.between(0, most_flat));
  if (p.rows_apart()) s.block.pixels = PixelOrder::rows;
  s.block.oh_block = draw.between(1, OH);
  if (p.family == KernelFamily::separable && nhwc && draw.chance(0.3)) s.block.spread = draw.between(1, 16);
  if (p.family == KernelFamily::separable && !nhwc && s.pointwise->vector_f && draw.chance(0.5)) {
    s.depthwise->vector_c = true;
    std::swap(s.depthwise->c_tile, s.depthwise->ow_tile);
  }
  s.block.ow_block = s.block.flat() ? OW : tile * draw.between(1, std::max(1, (OW + tile - 1) / tile));
  return s;
}

}  // namespace sepconv::test
