#include "sepconv/conv_problem.h"

#include <array>
#include <limits>
#include <stdexcept>
#include <tuple>

#include "text.h"

namespace sepconv {
namespace {

using detail::consume_prefix;
using detail::parse_int;
using detail::quoted;
using detail::split;

// Above this an extent, or the number of elements of a tensor, is a mistake rather than a layer, and 32-bit
// index arithmetic in the kernels would no longer be safe.
constexpr std::int64_t kMaxElements = std::numeric_limits<std::int32_t>::max();

std::string extent_text(std::int32_t extent) { return extent == kDynamic ? "?" : std::to_string(extent); }

std::int32_t parse_extent(std::string_view text, std::string_view what) {
  return text == "?" ? kDynamic : parse_int(text, what);
}

std::string epilogue_text(const Epilogue& epilogue) {
  return std::string(epilogue.bias ? "bias" : "nobias") + "-" + to_text(epilogue.activation);
}

Epilogue parse_epilogue(std::string_view text, std::string_view what) {
  Epilogue epilogue;
  if (consume_prefix(text, "bias-"))
    epilogue.bias = true;
  else if (!consume_prefix(text, "nobias-"))
    throw std::invalid_argument(std::string(what) + ": expected 'bias-' or 'nobias-', received " + quoted(text));
  epilogue.activation = activation_from_text(text);
  return epilogue;
}

/// Splits "<prefix>AxBxC" into `count` numbers.
template <std::size_t count>
std::array<std::int32_t, count> parse_group(std::string_view text, std::string_view prefix, std::string_view what) {
  if (!consume_prefix(text, prefix))
    throw std::invalid_argument(std::string(what) + ": expected '" + std::string(prefix) + "...', received " +
                                quoted(text));
  const auto parts = split(text, 'x');
  if (parts.size() != count)
    throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(count) +
                                " numbers joined by 'x', received " + quoted(text));
  std::array<std::int32_t, count> values{};
  for (std::size_t i = 0; i < count; ++i) values[i] = parse_extent(parts[i], what);
  return values;
}

template <class Enum, std::size_t count>
Enum parse_enum(std::string_view text, const std::array<Enum, count>& values, std::string_view what) {
  std::string known;
  for (Enum value : values) {
    if (text == to_text(value)) return value;
    known += (known.empty() ? "" : ", ") + std::string(to_text(value));
  }
  throw std::invalid_argument(std::string(what) + ": expected one of " + known + ", received " + quoted(text));
}

[[noreturn]] void reject(const char* field, std::int64_t value, const std::string& allowed) {
  throw std::invalid_argument("ConvProblem." + std::string(field) + ": received " + std::to_string(value) +
                              "; expected " + allowed);
}

void require_positive(const char* field, std::int32_t value, bool may_be_dynamic = false) {
  if (value >= 1 || (may_be_dynamic && value == kDynamic)) return;
  reject(field, value, may_be_dynamic ? "a positive extent, or -1 (dynamic)" : "a positive number");
}

void require_product(const char* field, std::initializer_list<std::int32_t> factors) {
  std::int64_t product = 1;
  for (std::int32_t factor : factors) {
    product *= factor == kDynamic ? 1 : factor;
    if (product > kMaxElements) reject(field, product, "at most 2^31 - 1");
  }
}

std::int32_t output_extent(std::int32_t input, std::int32_t pads, std::int32_t effective, std::int32_t stride) {
  if (input == kDynamic) return kDynamic;
  const std::int32_t room = input + pads - effective;
  return room < 0 ? 0 : room / stride + 1;
}

void validate_axis(const char* pad_before_name, const char* pad_after_name, const char* output_name,
                   std::int32_t extent, std::int32_t before, std::int32_t after, std::int32_t output) {
  for (const auto& [name, pad] : {std::pair{pad_before_name, before}, std::pair{pad_after_name, after}}) {
    if (extent == kDynamic ? pad != kDynamic : pad < 0)
      reject(name, pad, extent == kDynamic ? "-1, because the extent is dynamic" : "0 or more");
  }
  if (extent != kDynamic && output < 1)
    throw std::invalid_argument("ConvProblem." + std::string(output_name) +
                                ": the output would be empty; the padded input (" +
                                std::to_string(extent + before + after) + ") is smaller than the effective window");
}

}  // namespace

const char* to_text(ConvOp op) {
  switch (op) {
    case ConvOp::depthwise: return "depthwise";
    case ConvOp::pointwise: return "pointwise";
    case ConvOp::separable: return "separable";
  }
  return "?";
}

const char* to_text(Layout layout) { return layout == Layout::nhwc ? "nhwc" : "nchw"; }

std::int32_t ConvProblem::OH() const { return output_extent(IH, pad_top + pad_bottom, KH_eff(), stride_h); }
std::int32_t ConvProblem::OW() const { return output_extent(IW, pad_left + pad_right, KW_eff(), stride_w); }

double ConvProblem::flops() const {
  const double pixels = double(OH()) * OW();
  double per_pixel = 0;
  if (has_depthwise()) per_pixel += 2.0 * KH * KW * middle_channels();
  if (has_pointwise()) per_pixel += 2.0 * middle_channels() * OC;
  return pixels * per_pixel;
}

ConvProblem kernel_problem(ConvProblem problem) {
  if (!is_elementwise(problem.output.activation.kind)) problem.output.activation = {};
  return problem;
}

DataType accumulator_type(DataType dtype) { return dtype == DataType::float64 ? DataType::float64 : DataType::float32; }

bool operator==(const ConvProblem& a, const ConvProblem& b) { return to_text(a) == to_text(b); }

std::string to_text(const ConvProblem& p) {
  const auto pair = [](std::int32_t h, std::int32_t w) { return extent_text(h) + "x" + extent_text(w); };
  std::string text =
      std::string(to_text(p.op)) + "_" + to_text(p.dtype) + (p.strict_float ? "strict" : "") + "_" + to_text(p.layout);
  text += "_i" + pair(p.IH, p.IW) + "x" + std::to_string(p.IC) + "_o" + std::to_string(p.OC);
  text += "_k" + pair(p.KH, p.KW) + "_s" + pair(p.stride_h, p.stride_w) + "_d" + pair(p.dilation_h, p.dilation_w);
  text += "_p" + pair(p.pad_top, p.pad_bottom) + "x" + pair(p.pad_left, p.pad_right);
  text += "_m" + std::to_string(p.depth_multiplier);
  if (p.op == ConvOp::separable) text += "_mid-" + epilogue_text(p.middle);
  return text + "_out-" + epilogue_text(p.output);
}

ConvProblem problem_from_text(std::string_view text) {
  // Activation names contain '_', so the epilogues are cut off first.
  const std::string_view whole = text;
  ConvProblem p;
  const std::size_t out = text.rfind("_out-");
  if (out == std::string_view::npos)
    throw std::invalid_argument("ConvProblem: expected '..._out-<bias>-<activation>', received " + quoted(whole));
  p.output = parse_epilogue(text.substr(out + 5), "ConvProblem.output");
  text = text.substr(0, out);
  const std::size_t middle = text.find("_mid-");
  if (middle != std::string_view::npos) {
    p.middle = parse_epilogue(text.substr(middle + 5), "ConvProblem.middle");
    text = text.substr(0, middle);
  }
  const auto parts = split(text, '_');
  if (parts.size() != 10)
    throw std::invalid_argument("ConvProblem: expected 10 fields joined by '_' before the epilogues, received " +
                                std::to_string(parts.size()) + " in " + quoted(whole));
  p.op = parse_enum(parts[0], std::array{ConvOp::depthwise, ConvOp::pointwise, ConvOp::separable}, "ConvProblem.op");
  constexpr std::string_view kStrict = "strict";
  std::string_view dtype = parts[1];
  p.strict_float = dtype.size() > kStrict.size() && dtype.substr(dtype.size() - kStrict.size()) == kStrict;
  if (p.strict_float) dtype.remove_suffix(kStrict.size());
  p.dtype = parse_enum(dtype, std::array{DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16},
                       "ConvProblem.dtype");
  p.layout = parse_enum(parts[2], std::array{Layout::nhwc, Layout::nchw}, "ConvProblem.layout");
  std::tie(p.IH, p.IW, p.IC) = std::tuple_cat(parse_group<3>(parts[3], "i", "ConvProblem input HxWxC"));
  p.OC = parse_group<1>(parts[4], "o", "ConvProblem.OC")[0];
  std::tie(p.KH, p.KW) = std::tuple_cat(parse_group<2>(parts[5], "k", "ConvProblem window KHxKW"));
  std::tie(p.stride_h, p.stride_w) = std::tuple_cat(parse_group<2>(parts[6], "s", "ConvProblem strides"));
  std::tie(p.dilation_h, p.dilation_w) = std::tuple_cat(parse_group<2>(parts[7], "d", "ConvProblem dilation"));
  std::tie(p.pad_top, p.pad_bottom, p.pad_left, p.pad_right) =
      std::tuple_cat(parse_group<4>(parts[8], "p", "ConvProblem pads"));
  p.depth_multiplier = parse_group<1>(parts[9], "m", "ConvProblem.depth_multiplier")[0];
  if ((middle != std::string_view::npos) != (p.op == ConvOp::separable))
    throw std::invalid_argument("ConvProblem.middle: only a separable problem has, and must have, '_mid-': " +
                                quoted(whole));
  validate(p);
  return p;
}

void validate(const ConvProblem& p) {
  require_positive("IH", p.IH, true);
  require_positive("IW", p.IW, true);
  require_positive("IC", p.IC);
  require_positive("OC", p.OC);
  require_positive("KH", p.KH);
  require_positive("KW", p.KW);
  require_positive("stride_h", p.stride_h);
  require_positive("stride_w", p.stride_w);
  require_positive("dilation_h", p.dilation_h);
  require_positive("dilation_w", p.dilation_w);
  require_positive("depth_multiplier", p.depth_multiplier);
  if (!is_floating_point(p.dtype))
    throw std::invalid_argument(std::string("ConvProblem.dtype: received ") + keras_name(p.dtype) +
                                "; expected float32, float64, float16 or bfloat16");
  if (!is_elementwise(p.middle.activation.kind))
    throw std::invalid_argument("ConvProblem.middle: received " + to_text(p.middle.activation) +
                                "; expected an elementwise activation");
  if (p.op == ConvOp::pointwise) {
    if (p.KH != 1 || p.KW != 1) reject("KH", std::int64_t{p.KH} * p.KW, "a 1x1 window for a pointwise problem");
    if (p.depth_multiplier != 1) reject("depth_multiplier", p.depth_multiplier, "1 for a pointwise problem");
  }
  require_product("IC * depth_multiplier", {p.IC, p.depth_multiplier});
  if (p.op == ConvOp::depthwise && p.OC != p.middle_channels())
    reject("OC", p.OC, "IC * depth_multiplier = " + std::to_string(p.middle_channels()) + " for a depthwise problem");
  require_product("KH * dilation_h", {p.KH, p.dilation_h});
  require_product("KW * dilation_w", {p.KW, p.dilation_w});
  require_product("depthwise filter elements", {p.KH, p.KW, p.IC, p.depth_multiplier});
  if (p.has_pointwise()) require_product("pointwise weight elements", {p.IC, p.depth_multiplier, p.OC});
  for (const auto& [name, pad] : {std::pair{"pad_top", p.pad_top}, std::pair{"pad_bottom", p.pad_bottom},
                                  std::pair{"pad_left", p.pad_left}, std::pair{"pad_right", p.pad_right}})
    if (pad > kMaxElements / 8) reject(name, pad, "at most 2^28");
  if (p.IH > kMaxElements / 8) reject("IH", p.IH, "at most 2^28");
  if (p.IW > kMaxElements / 8) reject("IW", p.IW, "at most 2^28");
  require_product("input elements", {p.IH, p.IW, p.IC});
  validate_axis("pad_top", "pad_bottom", "OH", p.IH, p.pad_top, p.pad_bottom, p.OH());
  validate_axis("pad_left", "pad_right", "OW", p.IW, p.pad_left, p.pad_right, p.OW());
  require_product("output elements", {p.OH(), p.OW(), p.OC});
  if (!p.is_dynamic())
    require_product("padded input elements", {p.IH + p.pad_top + p.pad_bottom, p.IW + p.pad_left + p.pad_right, p.IC});
}

ConvProblem with_dynamic_extents(ConvProblem p) {
  if (p.IH != 1 || p.KH != 1) p.IH = p.pad_top = p.pad_bottom = kDynamic;
  p.IW = p.pad_left = p.pad_right = kDynamic;
  return p;
}

}  // namespace sepconv
