#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autoschedule/report/charts.h"
#include "autoschedule/report/report_text.h"

namespace sepconv::autoschedule::report {
namespace {

constexpr double kWidth = 860, kHeight = 440, kLeft = 62, kRight = 20, kTop = 16, kBottom = 46;
constexpr double kTextHeight = 13, kDigitWidth = 7, kDot = 5;

/// A logarithmic axis from `low` to `high`, drawn from `begin` to `end`.
struct Axis {
  double low, high, begin, end;
  double at(double value) const { return begin + (end - begin) * std::log(value / low) / std::log(high / low); }
};

/// Round values within the axis: more to a decade where there are few decades.
std::vector<double> ticks(const Axis& axis) {
  const std::vector<double> digits =
      axis.high / axis.low > 20 ? std::vector<double>{1, 2, 5} : std::vector<double>{1, 1.5, 2, 3, 4, 5, 6, 8};
  std::vector<double> values;
  for (int power = static_cast<int>(std::floor(std::log10(axis.low))); std::pow(10.0, power) <= axis.high; ++power)
    for (const double digit : digits)
      if (const double value = digit * std::pow(10.0, power); value >= axis.low && value <= axis.high)
        values.push_back(value);
  return values;
}

struct Point {
  std::size_t number;  // of the layer
  const LayerReport* layer;
  double intensity, rule, best;  // FLOP/byte, GFLOP/s
};

std::vector<Point> points_of(const std::vector<LayerReport>& layers) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (const LayerReport& l = layers[i]; l.measured && l.flops > 0 && l.rule_seconds > 0 && l.best_seconds > 0)
      points.push_back({i + 1, &l, l.flops / l.bytes, l.gflops(l.rule_seconds), l.gflops(l.best_seconds)});
  return points;
}

struct Box {
  double left, top, right, bottom;
  double overlap(const Box& b) const {
    return std::max(0.0, std::min(right, b.right) - std::max(left, b.left)) *
           std::max(0.0, std::min(bottom, b.bottom) - std::max(top, b.top));
  }
};

Box around(double x, double y, double half_width, double half_height) {
  return {x - half_width, y - half_height, x + half_width, y + half_height};
}

/// Where a number is read best beside its point: least over other points and numbers; of equals the first.
Box place_number(double x, double y, std::size_t number, const std::vector<Box>& taken) {
  const double half = kDigitWidth * static_cast<double>(std::to_string(number).size()) / 2;
  Box best{};
  double least = std::numeric_limits<double>::infinity();
  for (const double far : {1.0, 2.2})
    for (const auto& [dx, dy] : {std::pair{1.0, 0.0},
                                 {-1.0, 0.0},
                                 {0.0, -1.0},
                                 {0.0, 1.0},
                                 {0.8, -0.8},
                                 {-0.8, -0.8},
                                 {0.8, 0.8},
                                 {-0.8, 0.8}}) {
      const Box box = around(x + dx * far * (kDot + half + 3), y + dy * far * (kDot + kTextHeight / 2 + 1), half + 1,
                             kTextHeight / 2);
      double cost = 0;
      for (const Box& other : taken) cost += box.overlap(other);
      if (cost >= least) continue;
      best = box;
      least = cost;
    }
  return best;
}

std::string axes(const Axis& x, const Axis& y) {
  std::string text;
  for (const double value : ticks(x))
    text += fmt::format(
        "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1}\" x2=\"{0:.1f}\" y2=\"{2}\"/><text class=\"tick\" "
        "x=\"{0:.1f}\" y=\"{3}\" text-anchor=\"middle\">{4:g}</text>",
        x.at(value), kTop, kHeight - kBottom, kHeight - kBottom + 16, value);
  for (const double value : ticks(y))
    text += fmt::format(
        "<line class=\"grid\" x1=\"{1}\" y1=\"{0:.1f}\" x2=\"{2}\" y2=\"{0:.1f}\"/><text class=\"tick\" "
        "x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5:g}</text>",
        y.at(value), kLeft, kWidth - kRight, kLeft - 6, y.at(value) + 4, value);
  return text + fmt::format(
                    "<text class=\"axis\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">operations per byte</text>"
                    "<text class=\"axis\" x=\"14\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {})\">"
                    "GFLOP/s</text>",
                    (kLeft + kWidth - kRight) / 2, kHeight - 8, (kTop + kHeight - kBottom) / 2,
                    (kTop + kHeight - kBottom) / 2);
}

/// The ceilings, up to where they meet.
std::string roof_lines(const Axis& x, const Axis& y, const Roof& roof) {
  std::string text;
  const double ridge = roof.gflops && roof.memory_gbs ? *roof.gflops / *roof.memory_gbs : 0;
  if (roof.gflops) {
    const double from = std::clamp(ridge, x.low, x.high);
    text += fmt::format(
        "<line class=\"roof\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\"/>"
        "<text class=\"rooftext\" x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">peak of multiply-adds: {5:.4g} "
        "GFLOP/s</text>",
        x.at(from), y.at(*roof.gflops), x.at(x.high), kWidth - kRight - 4, y.at(*roof.gflops) - 6, *roof.gflops);
  }
  if (roof.memory_gbs) {
    const double begin = std::max(x.low, y.low / *roof.memory_gbs);
    const double end = std::min(ridge > 0 ? ridge : x.high, std::min(x.high, y.high / *roof.memory_gbs));
    if (begin < end)
      text += fmt::format(
          "<line class=\"roof\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>"
          "<text class=\"rooftext\" x=\"{:.1f}\" y=\"{:.1f}\">memory: {:.4g} GB/s</text>",
          x.at(begin), y.at(begin * *roof.memory_gbs), x.at(end), y.at(end * *roof.memory_gbs), x.at(begin) + 8,
          y.at(begin * *roof.memory_gbs) - 6, *roof.memory_gbs);
  }
  return text;
}

std::string marks(const std::vector<Point>& points, const Axis& x, const Axis& y) {
  std::vector<Box> taken;
  for (const Point& p : points)
    for (const double value : {p.rule, p.best}) taken.push_back(around(x.at(p.intensity), y.at(value), kDot, kDot));
  std::string lines, dots, numbers;
  for (const Point& p : points) {
    const double at = x.at(p.intensity), rule = y.at(p.rule), best = y.at(p.best);
    lines += fmt::format("<line class=\"gain\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>", at, rule,
                         best);
    dots += fmt::format(
        "<g><title>{}. {}: {:.3g} operations per byte; rule {:.3g}, best {:.3g} GFLOP/s</title>"
        "<circle class=\"rule\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/><circle class=\"point\" cx=\"{:.1f}\" "
        "cy=\"{:.1f}\" r=\"{}\"/></g>",
        p.number, html(p.layer->label), p.intensity, p.rule, p.best, at, rule, at, best, kDot);
    const Box box = place_number(at, best, p.number, taken);
    taken.push_back(box);
    numbers += fmt::format("<text class=\"number\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>",
                           (box.left + box.right) / 2, (box.top + box.bottom) / 2 + 4, p.number);
  }
  return lines + dots + numbers;
}

/// Which layer each number is.
std::string key(const std::vector<Point>& points) {
  std::string items;
  for (const Point& p : points)
    items += fmt::format("<li value=\"{}\">{}</li>\n", p.number,
                         html(p.layer->name.empty() ? p.layer->label : p.layer->name));
  return fmt::format("<ol class=\"key\">\n{}</ol>\n", items);
}

}  // namespace

std::string roofline(const std::vector<LayerReport>& layers, const Roof& roof) {
  const std::vector<Point> points = points_of(layers);
  if (points.empty()) return {};
  Axis x{std::numeric_limits<double>::infinity(), 0, kLeft, kWidth - kRight};
  Axis y{std::numeric_limits<double>::infinity(), 0, kHeight - kBottom, kTop};
  for (const Point& p : points) {
    x.low = std::min(x.low, p.intensity / 1.4), x.high = std::max(x.high, p.intensity * 1.4);
    y.low = std::min(y.low, std::min(p.rule, p.best) / 1.4), y.high = std::max(y.high, std::max(p.rule, p.best) * 1.4);
  }
  if (roof.gflops) y.high = std::max(y.high, *roof.gflops * 1.4);
  if (roof.gflops) y.low = std::min(y.low, *roof.gflops / 3);
  if (roof.gflops && roof.memory_gbs) x.low = std::min(x.low, *roof.gflops / *roof.memory_gbs / 2);
  return fmt::format(
             "<div class=\"wide\" tabindex=\"0\"><svg class=\"roofline\" viewBox=\"0 0 {} {}\" role=\"img\" "
             "aria-label=\"Operations "
             "per "
             "second over operations per byte, of each layer\">{}{}{}</svg></div>\n",
             kWidth, kHeight, axes(x, y), roof_lines(x, y, roof), marks(points, x, y)) +
         key(points);
}

}  // namespace sepconv::autoschedule::report
