#include "tools/memory_drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "autoschedule/report/report_text.h"
#include "runtime/core/memory_plan.h"
#include "tools/network_words.h"

namespace sepconv::tools {
namespace {

using autoschedule::report::html;

constexpr double kLeft = 64, kRight = 16, kTop = 40, kBottom = 44, kHeight = 440,
                 kPlotHeight = kHeight - kTop - kBottom;
constexpr double kCharacter = 6.4, kLine = 13;  // of a name, at 11 px
constexpr int kColours = 6;

constexpr const char* kStyle = R"(
svg { color-scheme: light dark; font: 11px system-ui, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; }
.page { fill: #ffffff; } text { fill: #1a2230; } .quiet { fill: #5a6575; } .title { font-size: 14px; font-weight: 600; }
.grid { stroke: #dde1e7; } .live { fill: none; stroke: #c0362c; stroke-width: 1.5; } .livetext { fill: #c0362c; }
rect.t { stroke: #ffffff; }
.c0 { fill: #bcd4f6; } .c1 { fill: #f7d4a8; } .c2 { fill: #bfe3cc; } .c3 { fill: #e3c9ee; } .c4 { fill: #f5c3c0; } .c5 { fill: #d5dae1; }
@media (prefers-color-scheme: dark) {
  .page { fill: #161c24; } text { fill: #e5eaf1; } .quiet { fill: #9ba7b6; }
  .grid { stroke: #2a333e; } .live { stroke: #ff7b70; } .livetext { fill: #ff7b70; } rect.t { stroke: #161c24; }
  .c0 { fill: #24487c; } .c1 { fill: #6d4a17; } .c2 { fill: #1f5a38; } .c3 { fill: #583a68; } .c4 { fill: #75332f; } .c5 { fill: #3c4653; }
}
)";

/// Steps and bytes as places on the drawing.
struct Scale {
  double step = 1;   // pixels
  double bytes = 1;  // pixels for a byte
  double width = 0;  // of the plot

  double x(double s) const { return kLeft + s * step; }
  double y(double b) const { return kTop + kPlotHeight - b * bytes; }
};

/// Characters, not bytes.
double name_width(const std::string& name) {
  return kCharacter * static_cast<double>(std::count_if(name.begin(), name.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
         }));
}

/// 1, 2 or 5 times a power of ten, or of two for bytes.
double round_step(double most, double parts, double unit) {
  double step = unit;
  for (int i = 0; step * parts < most; ++i) step *= i % 3 == 1 ? 2.5 : 2;
  return step;
}

std::string axes(const NetworkPlan& network, const Scale& scale) {
  std::string text;
  const double most = static_cast<double>(std::max<std::int64_t>(network.tensor_bytes, 1));
  double tick = 64;
  while (tick * 6 < most) tick *= 2;
  for (double b = 0; b <= most; b += tick)
    text += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text class=\"quiet\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        kLeft, scale.y(b), kLeft + scale.width, scale.y(b), kLeft - 6, scale.y(b) + 4, bytes_words(b));
  const double steps = static_cast<double>(network.steps.size()), every = round_step(steps, scale.width / 40, 1);
  for (double s = 0; s < steps; s += every)
    text += fmt::format("<text class=\"quiet\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.0f}</text>\n",
                        scale.x(s + 0.5), kHeight - kBottom + 16, s + 1);
  return text + fmt::format("<text class=\"quiet\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">step</text>\n",
                            kLeft + scale.width / 2, kHeight - kBottom + 34);
}

/// The name in the rectangle, upright if only that fits.
std::string name_in(const std::string& name, double x, double y, double width, double height) {
  const double length = name_width(name) + 6;
  const double middle_x = x + width / 2, middle_y = y + height / 2;
  if (length <= width && kLine <= height)
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", middle_x, middle_y + 4,
                       html(name));
  if (length <= height && kLine <= width)
    return fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
                       middle_x + 4, middle_y, html(name));
  return "";
}

std::string rectangles(const NetworkPlan& network, const std::vector<detail::Lifetime>& lives, const Scale& scale) {
  std::string text;
  int colour = 0;
  for (std::size_t i = 0; i < network.tensors.size(); ++i) {
    const NetworkTensor& tensor = network.tensors[i];
    if (tensor.base != static_cast<std::int32_t>(i) || tensor.offset_bytes < 0 || !lives[i].used()) continue;
    const double bytes = static_cast<double>(tensor_bytes(tensor)), offset = static_cast<double>(tensor.offset_bytes);
    const double x = scale.x(lives[i].first), y = scale.y(offset + bytes);
    const double width = (lives[i].last - lives[i].first + 1) * scale.step, height = bytes * scale.bytes;
    text += fmt::format(
        "<g><title>{}: {}, {:.0f} bytes at {:.0f}, steps {} to {}</title><rect class=\"t c{}\" x=\"{:.1f}\" "
        "y=\"{:.2f}\" width=\"{:.1f}\" height=\"{:.2f}\"/>{}</g>\n",
        html(tensor.name), shape_words(tensor), bytes, offset, lives[i].first + 1, lives[i].last + 1,
        colour++ % kColours, x, y, width, height, name_in(tensor.name, x, y, width, height));
  }
  return text;
}

/// How many bytes live during each step.
std::string live_line(const NetworkPlan& network, const std::vector<detail::Lifetime>& lives, const Scale& scale) {
  std::vector<double> live(network.steps.size());
  for (std::size_t i = 0; i < lives.size(); ++i)
    if (lives[i].used())
      for (std::int32_t s = lives[i].first; s <= lives[i].last; ++s)
        live[static_cast<std::size_t>(s)] += static_cast<double>(tensor_bytes(network.tensors[i]));
  if (live.empty()) return "";
  std::string path = fmt::format("M{:.1f} {:.1f}", scale.x(0), scale.y(live[0]));
  for (std::size_t s = 0; s < live.size(); ++s)
    path += fmt::format("V{:.1f}H{:.1f}", scale.y(live[s]), scale.x(static_cast<double>(s) + 1));
  return fmt::format("<path class=\"live\" d=\"{}\"/>\n", path);
}

}  // namespace

std::string memory_drawing(const NetworkPlan& network, const std::string& title) {
  const std::vector<detail::Lifetime> lives = detail::lifetimes(network);
  const double live = static_cast<double>(largest_live_bytes(network, lives));
  const double most = std::max({static_cast<double>(network.tensor_bytes), live, 1.0});
  const double steps = static_cast<double>(std::max<std::size_t>(network.steps.size(), 1));
  Scale scale;
  scale.step = std::clamp(920 / steps, 6.0, 60.0);
  scale.width = std::max(scale.step * steps, 420.0);
  scale.bytes = kPlotHeight / most;
  const std::string summary =
      fmt::format("{}: {} of tensors in {} steps; the most that live at once: {}", title,
                  bytes_words(static_cast<double>(network.tensor_bytes)), network.steps.size(), bytes_words(live));
  const double width = kLeft + scale.width + kRight;
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" "
             "height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
             "role=\"img\">\n<title>{2}</title>\n<style>{3}</style>\n"
             "<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n"
             "<text class=\"title\" x=\"{4:.0f}\" y=\"18\">{2}</text>\n"
             "<text class=\"livetext\" x=\"{4:.0f}\" y=\"33\">line: bytes that live during a step</text>\n",
             width, kHeight, html(summary), kStyle, kLeft) +
         axes(network, scale) + rectangles(network, lives, scale) + live_line(network, lives, scale) + "</svg>\n";
}

}  // namespace sepconv::tools
