#include <array>
#include <stdexcept>
#include <string>
#include <tuple>

#include "sepconv/conv_problem.h"
#include "text.h"

namespace sepconv {
namespace {

using detail::consume_prefix;
using detail::parse_int;
using detail::quoted;
using detail::split;

std::string extent_text(std::int32_t extent) { return extent == kDynamic ? "?" : std::to_string(extent); }

std::int32_t parse_extent(std::string_view text, std::string_view what) {
  return text == "?" ? kDynamic : parse_int(text, what);
}

std::string epilogue_text(const Epilogue& epilogue) {
  return std::string(has_bias(epilogue) ? "bias" : "nobias") + "-" + to_text(activation_of(epilogue));
}

Epilogue parse_epilogue(std::string_view text, std::string_view what) {
  const bool bias = consume_prefix(text, "bias-");
  if (!bias && !consume_prefix(text, "nobias-"))
    throw std::invalid_argument(std::string(what) + ": expected 'bias-' or 'nobias-', received " + quoted(text));
  return make_epilogue(bias, activation_from_text(text));
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

}  // namespace

std::string to_text(const ConvProblem& p) {
  const auto pair = [](std::int32_t h, std::int32_t w) { return extent_text(h) + "x" + extent_text(w); };
  const Stage& first = p.stages.front();
  const Window& w = first.window;
  std::string text =
      stages_name(p) + "_" + to_text(p.dtype) + (p.strict_float ? "strict" : "") + "_" + to_text(p.layout);
  text += "_i" + pair(p.IH, p.IW) + "x" + std::to_string(p.IC) + "_o" + std::to_string(p.OC());
  text += "_k" + pair(w.KH, w.KW) + "_s" + pair(w.stride_h, w.stride_w) + "_d" + pair(w.dilation_h, w.dilation_w);
  text += "_p" + pair(w.pad_top, w.pad_bottom) + "x" + pair(w.pad_left, w.pad_right);
  text += "_m" + std::to_string(first.depth_multiplier);
  if (p.stages.size() > 1) text += "_mid-" + epilogue_text(first.epilogue);
  return text + "_out-" + epilogue_text(p.stages.back().epilogue);
}

ConvProblem problem_from_text(std::string_view text) {
  // Activation names contain '_', so the epilogues are cut off first.
  const std::string_view whole = text;
  ConvProblem p;
  const std::size_t out = text.rfind("_out-");
  if (out == std::string_view::npos)
    throw std::invalid_argument("ConvProblem: expected '..._out-<bias>-<activation>', received " + quoted(whole));
  const Epilogue output = parse_epilogue(text.substr(out + 5), "ConvProblem.output");
  text = text.substr(0, out);
  const std::size_t middle = text.find("_mid-");
  Stage first, second{StageKind::conv, {}, 1, 0, output};
  if (middle != std::string_view::npos) {
    first.epilogue = parse_epilogue(text.substr(middle + 5), "ConvProblem.middle");
    text = text.substr(0, middle);
  } else {
    first.epilogue = output;
  }
  const auto parts = split(text, '_');
  if (parts.size() != 10)
    throw std::invalid_argument("ConvProblem: expected 10 fields joined by '_' before the epilogues, received " +
                                std::to_string(parts.size()) + " in " + quoted(whole));
  const bool separable = parts[0] == "separable", pointwise = parts[0] == "pointwise";
  if (!separable && !pointwise && parts[0] != "depthwise")
    throw std::invalid_argument("ConvProblem: expected one of depthwise, pointwise, separable, received " +
                                quoted(parts[0]));
  constexpr std::string_view kStrict = "strict";
  std::string_view dtype = parts[1];
  p.strict_float = dtype.size() > kStrict.size() && dtype.substr(dtype.size() - kStrict.size()) == kStrict;
  if (p.strict_float) dtype.remove_suffix(kStrict.size());
  p.dtype = parse_enum(dtype, std::array{DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16},
                       "ConvProblem.dtype");
  p.layout = parse_enum(parts[2], std::array{Layout::nhwc, Layout::nchw}, "ConvProblem.layout");
  std::tie(p.IH, p.IW, p.IC) = std::tuple_cat(parse_group<3>(parts[3], "i", "ConvProblem input HxWxC"));
  const std::int32_t OC = parse_group<1>(parts[4], "o", "ConvProblem.OC")[0];
  Window& w = first.window;
  std::tie(w.KH, w.KW) = std::tuple_cat(parse_group<2>(parts[5], "k", "ConvProblem window KHxKW"));
  std::tie(w.stride_h, w.stride_w) = std::tuple_cat(parse_group<2>(parts[6], "s", "ConvProblem strides"));
  std::tie(w.dilation_h, w.dilation_w) = std::tuple_cat(parse_group<2>(parts[7], "d", "ConvProblem dilation"));
  std::tie(w.pad_top, w.pad_bottom, w.pad_left, w.pad_right) =
      std::tuple_cat(parse_group<4>(parts[8], "p", "ConvProblem pads"));
  first.depth_multiplier = parse_group<1>(parts[9], "m", "ConvProblem.depth_multiplier")[0];
  if ((middle != std::string_view::npos) != separable)
    throw std::invalid_argument("ConvProblem.middle: only a separable problem has, and must have, '_mid-': " +
                                quoted(whole));
  if (pointwise) {
    first.kind = StageKind::conv;
    first.out_channels = OC;
    if (w.KH != 1 || w.KW != 1)
      throw std::invalid_argument("ConvProblem.KH: expected a 1x1 window for a pointwise problem, received " +
                                  quoted(parts[5]));
  }
  second.out_channels = OC;
  p.stages = {first};
  if (separable) p.stages.push_back(second);
  validate(p);
  if (p.OC() != OC)
    throw std::invalid_argument("ConvProblem.OC: received " + std::to_string(OC) + "; expected " +
                                std::to_string(p.OC()) + " = IC * depth_multiplier for a depthwise problem");
  return p;
}

}  // namespace sepconv
