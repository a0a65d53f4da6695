#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "autoschedule/report/charts.h"
#include "autoschedule/report/report_text.h"

namespace sepconv::autoschedule::report {
namespace {

std::string row(const Bar& bar, double longest, double reference, const std::string& classes) {
  const auto percent = [&](double value) { return 100 * value / longest; };
  return fmt::format(
      "<li class=\"{}\"><span class=\"label\">{}{}</span><span class=\"track\"><span class=\"bar\" "
      "style=\"width:{:.2f}%\"></span><span class=\"reference\" style=\"left:{:.2f}%\"></span></span>"
      "<span class=\"value\">{}</span></li>\n",
      classes + (bar.value < reference ? " below" : ""), html(bar.label),
      bar.detail.empty() ? "" : fmt::format(" <small>{}</small>", html(bar.detail)), percent(bar.value),
      percent(reference), times_text(bar.value));
}

}  // namespace

std::string speedup_bars(std::vector<Bar> bars, double reference, const std::string& series) {
  std::stable_sort(bars.begin(), bars.end(), [](const Bar& a, const Bar& b) { return a.value > b.value; });
  double longest = reference, logarithms = 0;
  for (const Bar& bar : bars) {
    longest = std::max(longest, bar.value);
    logarithms += std::log(bar.value);
  }
  std::string text = fmt::format("<ol class=\"bars {}\">\n", series);
  for (const Bar& bar : bars) text += row(bar, longest, reference, "");
  const Bar mean = {"Geometric mean", "", std::exp(logarithms / static_cast<double>(bars.size()))};
  return text + row(mean, longest, reference, "mean") + "</ol>\n";
}

}  // namespace sepconv::autoschedule::report
