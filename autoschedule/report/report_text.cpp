#include "autoschedule/report/report_text.h"

#include <fmt/format.h>

#include <cmath>
#include <ctime>
#include <map>
#include <optional>
#include <stdexcept>

#include "sepconv/conv_problem.h"

namespace sepconv::autoschedule::report {
namespace {

constexpr const char* kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr const char* kTimes = "\xc3\x97";            // U+00D7
constexpr const char* kArrow = "\xe2\x86\x92";        // U+2192
constexpr const char* kMicro = "\xc2\xb5";            // U+00B5
constexpr const char* kThinSpace = "\xe2\x80\xaf";    // U+202F, does not break lines

/// Bytes of the UTF-8 character at `at`, or 0 if there is none.
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                    ? 1
                             : first >= 0xc2 && first < 0xe0 ? 2
                             : (first & 0xf0) == 0xe0        ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  if (length == 3 && ((first == 0xe0 && byte(at + 1) < 0xa0) || (first == 0xed && byte(at + 1) >= 0xa0))) return 0;
  if (length == 4 && ((first == 0xf0 && byte(at + 1) < 0x90) || (first == 0xf4 && byte(at + 1) >= 0x90))) return 0;
  return length;
}

std::string extent(std::int32_t value) { return value == kDynamic ? "?" : std::to_string(value); }

std::string pair(std::int32_t a, std::int32_t b) {
  return a == b ? std::to_string(a) : std::to_string(a) + kTimes + std::to_string(b);
}

std::string label(const ConvProblem& p) {
  const Window& w = p.stages[0].window;
  const bool one_d = p.IH == 1 && w.KH == 1, depthwise = p.stages[0].kind == StageKind::depthwise;
  std::string text = p.stages.size() > 1 ? "sep " : depthwise ? "dw " : "pw ";
  text += (one_d ? "" : extent(p.IH) + kTimes) + extent(p.IW) + kTimes + std::to_string(p.IC);
  if (p.OC() != p.IC || p.has(StageKind::conv)) text += kArrow + std::to_string(p.OC());
  if (depthwise) text += " " + (one_d ? std::to_string(w.KW) : fmt::format("{}{}{}", w.KH, kTimes, w.KW));
  if (one_d && w.stride_w != 1) text += " s" + std::to_string(w.stride_w);
  if (!one_d && (w.stride_h != 1 || w.stride_w != 1)) text += " s" + pair(w.stride_h, w.stride_w);
  if (w.dilation_h != 1 || w.dilation_w != 1)
    text += " d" + (one_d ? std::to_string(w.dilation_w) : pair(w.dilation_h, w.dilation_w));
  if (p.stages[0].depth_multiplier != 1) text += " m" + std::to_string(p.stages[0].depth_multiplier);
  if (p.layout == Layout::nchw) text += " nchw";
  if (p.dtype != DataType::float32) text += std::string(" ") + to_text(p.dtype);
  if (p.strict_float) text += " strict";
  return text;
}

std::string epilogue(const Epilogue& e) { return (has_bias(e) ? "bias " : "no bias ") + to_text(activation_of(e)); }

std::optional<ConvProblem> parsed(const std::string& problem) {
  try {
    return problem_from_text(problem);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
}

}  // namespace

std::string html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    const char c = text[at];
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
      out += kReplacement;
    else if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out.append(text.substr(at, length));
    at += length == 0 ? 1 : length;
  }
  return out;
}

std::string shortened(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string figure_text(double value) {
  if (!std::isfinite(value)) return "unknown";
  if (std::abs(value) < 0.1) return fmt::format("{:.2g}", value);
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

std::string duration_text(double seconds) {
  if (!(seconds > 0) || !std::isfinite(seconds)) return "unknown";
  struct Unit {
    double seconds;
    std::string name;
  };
  for (const Unit& unit : {Unit{1, "s"}, Unit{1e-3, "ms"}, Unit{1e-6, std::string(kMicro) + "s"}})
    if (seconds >= unit.seconds) return figure_text(seconds / unit.seconds) + " " + unit.name;
  return figure_text(seconds / 1e-9) + " ns";
}

std::string times_text(double ratio) { return figure_text(ratio) + (std::isfinite(ratio) ? kTimes : ""); }

std::string count_text(std::size_t count) {
  std::string text = std::to_string(count);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), kThinSpace);
  return text;
}

std::string date_text(double unix_time) {
  constexpr double kEndOfYear9999 = 253402300799.0;
  if (!(unix_time > 0) || unix_time > kEndOfYear9999) return "unknown";
  const auto time = static_cast<std::time_t>(unix_time);
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{}-{:02}-{:02} {:02}:{:02} UTC", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                     utc.tm_min);
}

std::string problem_label(const std::string& problem) {
  const auto p = parsed(problem);
  return p ? label(*p) : problem;
}

std::vector<std::string> problem_labels(const std::vector<std::string>& problems) {
  std::vector<std::string> labels;
  std::map<std::string, int> used;
  const auto count = [&] {
    used.clear();
    for (const std::string& text : labels) ++used[text];
  };
  for (const std::string& problem : problems) labels.push_back(problem_label(problem));
  count();
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (used[labels[i]] == 1) continue;
    if (const auto p = parsed(problems[i])) {
      const Window& w = p->stages[0].window;
      labels[i] += fmt::format(", pad {}/{}/{}/{}", extent(w.pad_top), extent(w.pad_bottom), extent(w.pad_left),
                               extent(w.pad_right));
      for (const Stage& stage : p->stages) labels[i] += ", " + epilogue(stage.epilogue);
    }
  }
  return labels;
}

}  // namespace sepconv::autoschedule::report
