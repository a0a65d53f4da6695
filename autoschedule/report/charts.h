#pragma once
// The charts of the report: HTML bars, which wrap on narrow screens, and SVG curves. Colours are classes of style.cpp.

#include <optional>
#include <string>
#include <vector>

#include "autoschedule/report/run_report.h"

namespace sepconv::autoschedule::report {

struct Bar {
  std::string label, detail;  // plain texts
  double value = 0;
};

/// Bars from 0, the longest first, with a line at `reference`, and their geometric mean last.
/// @param series  CSS class of the bars.
std::string speedup_bars(std::vector<Bar> bars, double reference, const std::string& series);

/// One small chart a layer: each trial, and the best so far, over the trials of its search. All have one scale of
/// times.
std::string search_curves(const std::vector<LayerReport>& layers);

/// What limits arithmetic and memory.
struct Roof {
  std::optional<double> gflops;      // of all threads
  std::optional<double> memory_gbs;  // 1e9 bytes a second
};

/// Operations per byte and operations per second of each layer, the rule's and the best's; layers are numbered from 1
/// as in `layers`. Empty if no layer has static extents and was measured.
std::string roofline(const std::vector<LayerReport>& layers, const Roof& roof);

}  // namespace sepconv::autoschedule::report
