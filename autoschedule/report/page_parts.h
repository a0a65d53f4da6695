#pragma once
// The sections of the page; each is HTML that stands for itself, or empty where there is nothing to show.

#include <string>

#include "autoschedule/report/charts.h"
#include "autoschedule/report/run_report.h"

namespace sepconv::autoschedule::report {

std::string tiles(const RunReport& run);
std::string rule_section(const RunReport& run);
std::string halide_section(const RunReport& run);
std::string curves_section(const RunReport& run);
std::string roofline_section(const RunReport& run, const Roof& roof);
std::string failures_section(const RunReport& run);
std::string figures_section(const RunReport& run, const Roof& roof);
std::string schedules_section(const RunReport& run);

}  // namespace sepconv::autoschedule::report
