#include "autoschedule/report/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "autoschedule/report/charts.h"
#include "autoschedule/report/page_parts.h"
#include "autoschedule/report/report_text.h"
#include "autoschedule/report/run_report.h"
#include "autoschedule/report/style.h"

namespace sepconv::autoschedule {
namespace {

using namespace report;

std::string facts(const RunReport& run, const ReportOptions& options) {
  std::string versions;
  for (const auto& [name, version] : run.context.versions)
    versions += fmt::format("{}{} {}", versions.empty() ? "" : ", ", name, version);
  std::set<std::string> targets;
  for (const LayerReport& layer : run.layers) targets.insert(layer.target);
  return fmt::format(
      "<dl class=\"facts\"><dt>Machine</dt><dd>{}</dd><dt>Threads</dt><dd>{}</dd><dt>Targets</dt><dd>{}</dd>"
      "<dt>Versions</dt><dd>{}</dd><dt>Measured</dt><dd>{} to {}</dd><dt>Store</dt><dd>{}</dd></dl>\n",
      html(run.context.machine), run.context.threads, html(fmt::format("{}", fmt::join(targets, ", "))), html(versions),
      date_text(run.begin), date_text(run.end), html(options.store));
}

/// One machine, with its versions and threads.
std::string run_sections(const RunReport& run, const ReportOptions& options) {
  Roof roof;
  if (options.core_gflops) roof.gflops = *options.core_gflops * run.context.threads;
  roof.memory_gbs = options.memory_gbs;
  return facts(run, options) + tiles(run) + rule_section(run) + halide_section(run) + curves_section(run) +
         roofline_section(run, roof) + failures_section(run) + figures_section(run, roof) + schedules_section(run);
}

}  // namespace

std::string report_html(const std::vector<TrialRecord>& records, const ReportOptions& options) {
  const std::vector<RunReport> runs = run_reports(records, options.names);
  if (runs.empty())
    throw std::invalid_argument(
        fmt::format("record store '{}': it has no trials yet; run 'sepconv tune' with it first", options.store));
  std::string body = run_sections(runs.front(), options);
  for (std::size_t i = 1; i < runs.size(); ++i)
    body += fmt::format("<details class=\"run\"><summary>Earlier: {}, {} {}, last trial {}</summary>\n{}</details>\n",
                        html(runs[i].context.machine), runs[i].context.threads,
                        runs[i].context.threads == 1 ? "thread" : "threads", date_text(runs[i].end),
                        run_sections(runs[i], options));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>sepconv report: {}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n<main>\n<h1>Tuning report</h1>\n"
      "<div class=\"quiet\">sepconv, made {}</div>\n{}"
      "<footer>Times are medians of one call at batch 1 with warm caches. Ratios are of times measured in alternation "
      "with the default rule's schedule.</footer>\n</main>\n</body>\n</html>\n",
      html(options.store), kStyle, date_text(options.unix_time), body);
}

}  // namespace sepconv::autoschedule
