#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "autoschedule/report/charts.h"
#include "autoschedule/report/report_text.h"

namespace sepconv::autoschedule::report {
namespace {

constexpr double kWidth = 280, kHeight = 150, kLeft = 34, kRight = 8, kTop = 8, kBottom = 24;
constexpr double kMost = 1.3;  // times the rule's time; slower trials are drawn at the upper edge

double x_of(std::size_t trial, std::size_t count) {
  return kLeft +
         (kWidth - kLeft - kRight) * static_cast<double>(trial) / static_cast<double>(std::max<std::size_t>(count, 1));
}

double y_of(double ratio, double least) {
  return kTop + (kHeight - kTop - kBottom) * (kMost - std::min(ratio, kMost)) / (kMost - least);
}

/// The lower end of all charts: below the best of all layers.
double least_ratio(const std::vector<LayerReport>& layers) {
  double least = 0.85;
  for (const LayerReport& layer : layers)
    for (const CurvePoint& point : layer.curve)
      if (point.ok) least = std::min(least, point.ratio);
  return std::max(0.0, std::floor(10 * least - 0.3) / 10);
}

std::string grid(double least, std::size_t count) {
  std::string text;
  const double step = kMost - least > 0.8 ? 0.5 : kMost - least > 0.5 ? 0.2 : 0.1;
  for (int i = static_cast<int>(std::ceil(least / step - 1e-9)); i * step < kMost + 1e-9; ++i) {
    const double ratio = i * step, y = y_of(ratio, least);
    text += fmt::format(
        "<line class=\"{}\" x1=\"{}\" y1=\"{:.1f}\" x2=\"{}\" y2=\"{:.1f}\"/><text class=\"tick\" x=\"{}\" "
        "y=\"{:.1f}\" "
        "text-anchor=\"end\">{:.1f}</text>",
        std::abs(ratio - 1) < 1e-9 ? "one" : "grid", kLeft, y, kWidth - kRight, y, kLeft - 5, y + 3.5, ratio);
  }
  return text + fmt::format(
                    "<text class=\"tick\" x=\"{}\" y=\"{}\">0</text><text class=\"tick\" x=\"{}\" y=\"{}\" "
                    "text-anchor=\"end\">{} trials</text>",
                    kLeft, kHeight - 6, kWidth - kRight, kHeight - 6, count_text(count));
}

/// Dots as one path of points with round ends: many trials stay small text.
std::string dots(const std::vector<CurvePoint>& curve, double least, bool ok) {
  std::set<std::pair<int, int>> places;  // in tenths, at steps of half a unit
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i].ok != ok) continue;
    const double y = ok ? y_of(curve[i].ratio, least) : kHeight - kBottom - 1.5;
    places.insert(
        {static_cast<int>(std::lround(2 * x_of(i + 1, curve.size()))) * 5, static_cast<int>(std::lround(2 * y)) * 5});
  }
  std::string path;
  for (const auto& [x, y] : places) path += fmt::format("M{:g} {:g}h0", x / 10.0, y / 10.0);
  return path.empty() ? "" : fmt::format("<path class=\"{}\" d=\"{}\"/>", ok ? "dots" : "failed", path);
}

std::string best_line(const std::vector<CurvePoint>& curve, double least) {
  double best = 1;
  std::string path = fmt::format("M{:.1f} {:.1f}", kLeft, y_of(best, least));
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (!curve[i].ok || curve[i].ratio >= best) continue;
    best = curve[i].ratio;
    path += fmt::format("H{:.1f}V{:.1f}", x_of(i + 1, curve.size()), y_of(best, least));
  }
  return fmt::format("<path class=\"best\" d=\"{}H{:.1f}\"/>", path, kWidth - kRight);
}

double best_ratio(const std::vector<CurvePoint>& curve) {
  double best = 1;
  for (const CurvePoint& point : curve)
    if (point.ok) best = std::min(best, point.ratio);
  return best;
}

std::string chart(const LayerReport& layer, double least) {
  const std::string summary = fmt::format(
      "{}: best of {} trials takes {:.3f} of the rule's time; {} failed", layer.label, layer.curve.size(),
      best_ratio(layer.curve),
      std::count_if(layer.curve.begin(), layer.curve.end(), [](const CurvePoint& point) { return !point.ok; }));
  return fmt::format(
      "<figure><figcaption><span>{}</span><span class=\"value\">{:.2f}</span></figcaption><svg viewBox=\"0 0 {} {}\" "
      "role=\"img\" aria-label=\"{}\"><title>{}</title>{}{}{}{}</svg></figure>\n",
      html(layer.name.empty() ? layer.label : layer.name), best_ratio(layer.curve), kWidth, kHeight, html(summary),
      html(summary), grid(least, layer.curve.size()), dots(layer.curve, least, true), dots(layer.curve, least, false),
      best_line(layer.curve, least));
}

}  // namespace

std::string search_curves(const std::vector<LayerReport>& layers) {
  const double least = least_ratio(layers);
  std::string text = "<div class=\"curves\">\n";
  for (const LayerReport& layer : layers)
    if (!layer.curve.empty()) text += chart(layer, least);
  return text + "</div>\n";
}

}  // namespace sepconv::autoschedule::report
