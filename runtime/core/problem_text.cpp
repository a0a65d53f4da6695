// The text form of problems:
//   problem  = dtype ["strict"] "_" layout "_i" H "x" W "x" C [ "_x" pitches ] [ "_y" pitches ] { "." stage { "." step
//   } } pitches  = row "x" pixel stage    = "dw_k" KH "x" KW [strides] [dilation] [pads] [ "_m" depth_multiplier ]
//            | "conv_o" out_channels "_k" KH "x" KW [strides] [dilation] [pads]
//            | ( "maxpool" | "avgpool" | "copy" ) "_k" KH "x" KW [strides] [dilation] [pads]
//            | "norm_k1x1" [pads] "_e(" epsilon ")"
//            | "resize_o" OH "x" OW ( "_nearest" | "_bilinear" )
//   step     = "bias" | "scale" | "prelu" | activation | ( "add" | "sub" | "mul" | "max" | "min" ) [ "_c" | "_p" ]
// Fields that have no effect ("_s1x1", "_d1x1", "_p0x0x0x0", "_m1") are not written; "?" is an extent or pad that is
// known only at run time.

#include <array>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/core/stage_kinds.h"
#include "runtime/core/text.h"
#include "sepconv/conv_problem.h"

namespace sepconv {
namespace {

using detail::consume_prefix;
using detail::parse_int;
using detail::quoted;
using detail::split;

[[noreturn]] void refuse(std::string_view whole, const std::string& expected, std::string_view received) {
  throw std::invalid_argument("ConvProblem: expected " + expected + ", received " + quoted(received) +
                              (received == whole ? "" : " in " + quoted(whole)));
}

std::string number_text(std::int32_t value) { return value == kDynamic ? "?" : std::to_string(value); }

/// Numbers of a window that are written together.
struct WindowField {
  const char* prefix;
  std::vector<std::int32_t Window::*> members;
  bool always;  // written even where it has no effect
};

const std::array<WindowField, 4>& window_fields() {
  static const std::array<WindowField, 4> fields = {{
      {"k", {&Window::KH, &Window::KW}, true},
      {"s", {&Window::stride_h, &Window::stride_w}, false},
      {"d", {&Window::dilation_h, &Window::dilation_w}, false},
      {"p", {&Window::pad_top, &Window::pad_bottom, &Window::pad_left, &Window::pad_right}, false},
  }};
  return fields;
}

std::string window_text(const Stage& stage) {
  const Window neutral;
  std::string text;
  for (const WindowField& field : window_fields()) {
    bool written = field.always;
    std::string numbers;
    for (const auto member : field.members) {
      numbers += (numbers.empty() ? "" : "x") + number_text(stage.window.*member);
      written = written || stage.window.*member != neutral.*member;
    }
    if (written) text += "_" + std::string(field.prefix) + numbers;
  }
  return text;
}

std::string stage_text(const Stage& stage) {
  std::string text = detail::entry_of(stage.kind).text_form;
  if (stage.kind == StageKind::conv) text += "_o" + number_text(stage.out_channels);
  if (stage.kind == StageKind::resize)
    text += "_o" + number_text(stage.out_H) + "x" + number_text(stage.out_W) + "_" + to_text(stage.interpolation);
  else
    text += window_text(stage);
  if (stage.depth_multiplier != 1) text += "_m" + number_text(stage.depth_multiplier);
  if (stage.kind == StageKind::norm) text += "_e(" + detail::print_double(stage.epsilon) + ")";
  for (const EpilogueStep& step : stage.epilogue) text += "." + to_text(step);
  return text;
}

/// Splits at the dots that are not in parentheses, which hold the numbers of activations.
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  int depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    depth += (text[i] == '(') - (text[i] == ')');
    if (text[i] != '.' || depth > 0) continue;
    parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

/// Reads the fields of a part, which are joined by '_', in order.
class Fields {
 public:
  Fields(std::string_view whole, std::string_view part) : whole_(whole), fields_(split(part, '_')) {}

  /// `count` numbers joined by 'x' behind the prefix, or nothing where the next field has another prefix.
  std::optional<std::vector<std::int32_t>> numbers(std::string_view prefix, std::size_t count) {
    std::string_view field = next_ < fields_.size() ? fields_[next_] : std::string_view{};
    if (!consume_prefix(field, prefix)) return std::nullopt;
    const auto texts = split(field, 'x');
    if (texts.size() != count)
      refuse(whole_, std::to_string(count) + " numbers joined by 'x' after '" + std::string(prefix) + "'",
             fields_[next_]);
    std::vector<std::int32_t> values;
    for (const std::string_view text : texts)
      values.push_back(text == "?" ? kDynamic : parse_int(text, "ConvProblem: field " + quoted(fields_[next_])));
    ++next_;
    return values;
  }
  std::vector<std::int32_t> required(std::string_view prefix, std::size_t count) {
    auto values = numbers(prefix, count);
    if (!values) refuse(whole_, "a field '" + std::string(prefix) + "...'", rest());
    return *std::move(values);
  }
  /// The number in parentheses behind the prefix.
  double real(std::string_view prefix) {
    std::string_view field = next_ < fields_.size() ? fields_[next_] : std::string_view{};
    if (!consume_prefix(field, prefix) || field.size() < 2 || field.front() != '(' || field.back() != ')')
      refuse(whole_, "a field '" + std::string(prefix) + "(number)'", rest());
    return detail::parse_double(field.substr(1, field.size() - 2), "ConvProblem: field " + quoted(fields_[next_++]));
  }
  std::string_view word() { return next_ < fields_.size() ? fields_[next_++] : std::string_view{}; }
  void end() const {
    if (next_ < fields_.size()) refuse(whole_, "no further field", fields_[next_]);
  }

 private:
  std::string_view rest() const { return next_ < fields_.size() ? fields_[next_] : "nothing"; }

  std::string_view whole_;
  std::vector<std::string_view> fields_;
  std::size_t next_ = 0;
};

/// The value with that text.
template <class Enum, std::size_t count>
Enum one_of(std::string_view whole, std::string_view text, const std::array<Enum, count>& values) {
  std::string known;
  for (const Enum value : values) {
    if (text == to_text(value)) return value;
    known += (known.empty() ? "one of " : ", ") + std::string(to_text(value));
  }
  refuse(whole, known, text);
}

void read_head(ConvProblem& p, std::string_view whole, std::string_view part) {
  Fields fields(whole, part);
  constexpr std::string_view kStrict = "strict";
  std::string_view dtype = fields.word();
  p.strict_float = dtype.size() > kStrict.size() && dtype.substr(dtype.size() - kStrict.size()) == kStrict;
  if (p.strict_float) dtype.remove_suffix(kStrict.size());
  p.dtype =
      one_of(whole, dtype, std::array{DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16});
  p.layout = one_of(whole, fields.word(), std::array{Layout::nhwc, Layout::nchw});
  const std::vector<std::int32_t> extents = fields.required("i", 3);
  p.IH = extents[0], p.IW = extents[1], p.IC = extents[2];
  if (const auto pitches = fields.numbers("x", 2)) p.input_pitches = {(*pitches)[0], (*pitches)[1]};
  if (const auto pitches = fields.numbers("y", 2)) p.output_pitches = {(*pitches)[0], (*pitches)[1]};
  fields.end();
}

void read_window(Fields& fields, Window& window) {
  for (const WindowField& field : window_fields()) {
    const std::size_t count = field.members.size();
    const auto values = field.always ? fields.required(field.prefix, count) : fields.numbers(field.prefix, count);
    for (std::size_t i = 0; values && i < count; ++i) window.*field.members[i] = (*values)[i];
  }
}

/// A stage, or nothing where the part does not begin with the name of a kind.
std::optional<Stage> read_stage(std::string_view whole, std::string_view part) {
  for (const detail::StageKindEntry& entry : detail::stage_kinds()) {
    if (part.substr(0, part.find('_')) != entry.text_form) continue;
    Stage stage;
    stage.kind = entry.kind;
    Fields fields(whole, part);
    fields.word();
    if (stage.kind == StageKind::conv) stage.out_channels = fields.required("o", 1)[0];
    if (stage.kind == StageKind::resize) {
      const std::vector<std::int32_t> extents = fields.required("o", 2);
      stage.out_H = extents[0], stage.out_W = extents[1];
      stage.interpolation = one_of(whole, fields.word(), std::array{Interpolation::nearest, Interpolation::bilinear});
    } else {
      read_window(fields, stage.window);
    }
    if (stage.kind == StageKind::depthwise)
      if (const auto multiplier = fields.numbers("m", 1)) stage.depth_multiplier = (*multiplier)[0];
    if (stage.kind == StageKind::norm) stage.epsilon = fields.real("e");
    fields.end();
    return stage;
  }
  return std::nullopt;
}

EpilogueStep read_step(std::string_view part) {
  for (const detail::StepKindEntry& entry : detail::step_kinds()) {
    if (entry.kind == EpilogueKind::activation) continue;
    for (const Broadcast broadcast : {Broadcast::none, Broadcast::channels, Broadcast::pixels}) {
      const EpilogueStep step{entry.kind, {}, broadcast};
      if (part == to_text(step)) return step;
    }
  }
  return {EpilogueKind::activation, activation_from_text(part)};
}

}  // namespace

std::string to_text(const ConvProblem& p) {
  std::string text = std::string(to_text(p.dtype)) + (p.strict_float ? "strict" : "") + "_" + to_text(p.layout);
  text += "_i" + number_text(p.IH) + "x" + number_text(p.IW) + "x" + number_text(p.IC);
  const auto add_pitches = [&](const char* prefix, const Pitches& pitches) {
    if (!pitches.dense()) text += prefix + std::to_string(pitches.row) + "x" + std::to_string(pitches.pixel);
  };
  add_pitches("_x", p.input_pitches);
  add_pitches("_y", p.output_pitches);
  for (const Stage& stage : p.stages) text += "." + stage_text(stage);
  return text;
}

ConvProblem problem_from_text(std::string_view text) {
  const std::vector<std::string_view> parts = parts_of(text);
  ConvProblem p;
  read_head(p, text, parts[0]);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (std::optional<Stage> stage = read_stage(text, parts[i])) {
      p.stages.push_back(*std::move(stage));
    } else if (p.stages.empty()) {
      refuse(text, "a stage such as 'dw_...' or 'conv_...' before its epilogue", parts[i]);
    } else {
      p.stages.back().epilogue.push_back(read_step(parts[i]));
    }
  }
  validate(p);
  return p;
}

}  // namespace sepconv
