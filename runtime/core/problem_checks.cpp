#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "runtime/core/stage_kinds.h"
#include "runtime/core/text.h"
#include "sepconv/conv_problem.h"

namespace sepconv {
namespace {

// Above this an extent, or the number of elements of a tensor, is a mistake rather than a layer, and 32-bit
// index arithmetic in the kernels would no longer be safe.
constexpr std::int64_t kMaxElements = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kMaxExtent = 1 << 28;
constexpr std::size_t kMaxStages = 16;

/// Checks fields whose names begin with `where`.
class Checker {
 public:
  explicit Checker(std::string where) : where_(std::move(where)) {}

  [[noreturn]] void reject(const std::string& field, const std::string& received, const std::string& expected) const {
    throw std::invalid_argument(where_ + field + ": received " + received + "; expected " + expected);
  }
  [[noreturn]] void reject(const std::string& field, std::int64_t value, const std::string& expected) const {
    reject(field, std::to_string(value), expected);
  }
  void positive(const char* field, std::int32_t value) const {
    if (value < 1) reject(field, value, "a positive number");
  }
  void extent(const char* field, std::int32_t value) const {
    if (value < 1 && value != kDynamic) reject(field, value, "a positive extent, or -1 (dynamic)");
    if (value > kMaxExtent) reject(field, value, "at most 2^28");
  }
  void product(const char* field, std::initializer_list<std::int64_t> factors) const {
    std::int64_t product = 1;
    for (const std::int64_t factor : factors) {
      product *= factor == kDynamic ? 1 : factor;
      if (product > kMaxElements) reject(field, product, "at most 2^31 - 1");
    }
  }
  /// @param first  the stage reads the problem's input, whose dynamic extents leave the pads to the call.
  void pad(const char* field, std::int32_t pad, std::int32_t extent, bool first) const {
    if (extent == kDynamic && first && pad != kDynamic) reject(field, pad, "-1, because the extent is dynamic");
    if (pad < 0 && !(extent == kDynamic && pad == kDynamic)) reject(field, pad, "0 or more");
    if (pad > kMaxExtent) reject(field, pad, "at most 2^28");
  }

 private:
  std::string where_;
};

void check_window(const Checker& check, const Window& w, const Extents& in, bool first) {
  check.extent("IH", in.H);
  check.extent("IW", in.W);
  check.positive("KH", w.KH);
  check.positive("KW", w.KW);
  check.positive("stride_h", w.stride_h);
  check.positive("stride_w", w.stride_w);
  check.positive("dilation_h", w.dilation_h);
  check.positive("dilation_w", w.dilation_w);
  check.product("KH * dilation_h", {w.KH, w.dilation_h});
  check.product("KW * dilation_w", {w.KW, w.dilation_w});
  check.pad("pad_top", w.pad_top, in.H, first);
  check.pad("pad_bottom", w.pad_bottom, in.H, first);
  check.pad("pad_left", w.pad_left, in.W, first);
  check.pad("pad_right", w.pad_right, in.W, first);
  const auto not_empty = [&](const char* field, std::int32_t output, std::int32_t input, std::int32_t pads,
                             std::int32_t window) {
    if (output == 0)
      check.reject(field, "0",
                   "at least 1: the output would be empty; the padded input (" + std::to_string(input + pads) +
                       ") is smaller than the effective window (" + std::to_string(window) + ")");
  };
  not_empty("OH", w.OH(in.H), in.H, w.pad_top + w.pad_bottom, w.KH_eff());
  not_empty("OW", w.OW(in.W), in.W, w.pad_left + w.pad_right, w.KW_eff());
}

/// A pool of no elements has no value.
void check_pool(const Checker& check, const Stage& stage, const Extents& in) {
  if (stage.kind != StageKind::max_pool && stage.kind != StageKind::average_pool) return;
  if (in.H == kDynamic || in.W == kDynamic) check.reject("IH, IW", "-1 (dynamic)", "static extents of a pool's input");
  const auto reaches = [&](const char* field, std::int32_t pad, std::int32_t effective) {
    if (pad >= effective)
      check.reject(field, pad, "less than the effective window (" + std::to_string(effective) + ")");
  };
  const Window& w = stage.window;
  if (w.dilation_h != 1) check.reject("dilation_h", w.dilation_h, "1: a pool's window is dense");
  if (w.dilation_w != 1) check.reject("dilation_w", w.dilation_w, "1: a pool's window is dense");
  reaches("pad_top", w.pad_top, w.KH_eff());
  reaches("pad_bottom", w.pad_bottom, w.KH_eff());
  reaches("pad_left", w.pad_left, w.KW_eff());
  reaches("pad_right", w.pad_right, w.KW_eff());
}

/// A norm computes each pixel from itself. Dynamic pads are 0 when the kernel runs.
void check_norm(const Checker& check, const Stage& stage) {
  if (stage.kind != StageKind::norm) {
    if (stage.epsilon != 0) check.reject("epsilon", detail::print_double(stage.epsilon), "0: only a norm has one");
    return;
  }
  if (!(stage.epsilon > 0) || std::isinf(stage.epsilon))
    check.reject("epsilon", detail::print_double(stage.epsilon), "a positive number");
  Window window = stage.window;
  for (std::int32_t* pad : {&window.pad_top, &window.pad_bottom, &window.pad_left, &window.pad_right})
    if (*pad == kDynamic) *pad = 0;
  if (window != Window{})
    check.reject("window", "several taps, strides, dilation or pads", "none of these: a norm reads one pixel");
}

void check_resize(const Checker& check, const Stage& stage, const Extents& in) {
  if (stage.kind != StageKind::resize) {
    if (stage.out_H != 0) check.reject("out_H", stage.out_H, "0: only a resize has its own");
    if (stage.out_W != 0) check.reject("out_W", stage.out_W, "0: only a resize has its own");
    if (stage.interpolation != Interpolation{})
      check.reject("interpolation", to_text(stage.interpolation), "nearest: only a resize interpolates");
    return;
  }
  if (in.H == kDynamic || in.W == kDynamic)
    check.reject("IH, IW", "-1 (dynamic)", "static extents of a resize's input");
  if (stage.window != Window{}) check.reject("window", "another than the default", "none: a resize has no window");
  check.positive("out_H", stage.out_H);
  check.positive("out_W", stage.out_W);
  check.extent("out_H", stage.out_H);
  check.extent("out_W", stage.out_W);
}

void check_pitches(const Checker& check, const char* field, const Pitches& pitches, const ConvProblem& p,
                   const Extents& e) {
  if (pitches.dense()) return;
  if (p.layout != Layout::nhwc) check.reject(field, std::int64_t{pitches.pixel}, "0 in nchw, whose images are dense");
  if (p.is_dynamic()) check.reject(field, std::int64_t{pitches.pixel}, "0 where extents are dynamic");
  if (pitches.pixel < e.C) check.reject(field, std::int64_t{pitches.pixel}, "a pixel pitch of at least C");
  // Rows one after the other, or columns: an image with its axes exchanged.
  const std::int64_t row = (e.W - 1) * std::int64_t{pitches.pixel} + e.C;
  const std::int64_t column = (e.H - 1) * std::int64_t{pitches.row} + e.C;
  if (pitches.row < row && (pitches.row < e.C || pitches.pixel < column))
    check.reject(field, std::int64_t{pitches.row}, "a row pitch of at least a row");
  check.product(field, {e.H, pitches.row});
}

void check_epilogue(const Checker& check, const Epilogue& epilogue, bool last) {
  for (std::size_t i = 0; i < epilogue.size(); ++i) {
    if (has_operand(epilogue[i]) && !last)
      check.reject("epilogue", to_text(epilogue[i]), "operands in the last stage only");
    if (!has_operand(epilogue[i]) && epilogue[i].broadcast != Broadcast::none)
      check.reject("epilogue", to_text(epilogue[i]), "a broadcast only of a step with an operand");
    if (epilogue[i].kind != EpilogueKind::activation) continue;
    const Activation& activation = epilogue[i].activation;
    if (activation == Activation{}) check.reject("epilogue", "the linear activation", "no step for it");
    if (!is_elementwise(activation.kind) && !(last && i + 1 == epilogue.size()))
      check.reject("epilogue", to_text(activation), "an elementwise activation");
  }
}

void check_stage(const Checker& check, const Stage& stage, const Extents& in, bool first, bool last) {
  if (stage.kind == StageKind::depthwise) {
    check.positive("depth_multiplier", stage.depth_multiplier);
    check.product("IC * depth_multiplier", {in.C, stage.depth_multiplier});
    if (stage.out_channels != 0)
      check.reject("out_channels", stage.out_channels, "0: a depthwise stage has IC * depth_multiplier");
  } else {
    if (stage.kind == StageKind::conv)
      check.positive("out_channels", stage.out_channels);
    else if (stage.out_channels != 0)
      check.reject("out_channels", stage.out_channels, "0: only a conv stage has its own");
    if (stage.depth_multiplier != 1)
      check.reject("depth_multiplier", stage.depth_multiplier, "1: only a depthwise stage has one");
    if (stage.kind == StageKind::copy && stage.window.KH * stage.window.KW != 1)
      check.reject("KH * KW", std::int64_t{stage.window.KH} * stage.window.KW, "1: a copy has one tap");
  }
  check_resize(check, stage, in);
  check_window(check, stage.window, in, first);
  check_pool(check, stage, in);
  check_norm(check, stage);
  const detail::ArrayShape weights = detail::entry_of(stage.kind).weights_shape(stage, in.C);
  if (!weights.empty()) check.product("weight elements", {weights[0], weights[1], weights[2], weights[3]});
  const Window& w = stage.window;
  if (in.H != kDynamic && in.W != kDynamic)
    check.product("padded input elements",
                  {std::int64_t{in.H} + w.pad_top + w.pad_bottom, std::int64_t{in.W} + w.pad_left + w.pad_right, in.C});
  check_epilogue(check, stage.epilogue, last);
}

}  // namespace

void validate(const ConvProblem& p) {
  const Checker check("ConvProblem.");
  check.extent("IH", p.IH);
  check.extent("IW", p.IW);
  check.positive("IC", p.IC);
  if (!is_floating_point(p.dtype)) check.reject("dtype", keras_name(p.dtype), "float32, float64, float16 or bfloat16");
  check.product("input elements", {p.IH, p.IW, p.IC});
  if (p.stages.empty() || p.stages.size() > kMaxStages)
    check.reject("stages", std::to_string(p.stages.size()), "1 to " + std::to_string(kMaxStages));
  for (std::size_t i = 0; i < p.stages.size(); ++i) {
    const Checker of_stage("ConvProblem.stages[" + std::to_string(i) + "].");
    check_stage(of_stage, p.stages[i], p.extents_after(i), i == 0, i + 1 == p.stages.size());
    const Extents out = p.extents_after(i + 1);
    of_stage.product("output elements", {out.H, out.W, out.C});
  }
  check_pitches(check, "input_pitches", p.input_pitches, p, p.extents_after(0));
  check_pitches(check, "output_pitches", p.output_pitches, p, p.extents_after(p.stages.size()));
}

}  // namespace sepconv
