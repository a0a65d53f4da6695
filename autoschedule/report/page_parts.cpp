#include "autoschedule/report/page_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "autoschedule/report/report_text.h"
#include "autoschedule/schedule_words.h"

namespace sepconv::autoschedule::report {
namespace {

constexpr std::size_t kMessageBytes = 2000;

std::string section(const std::string& title, const std::string& note, const std::string& content) {
  return fmt::format("<section>\n<h2>{}</h2>\n<p class=\"quiet\">{}</p>\n{}</section>\n", title, note, content);
}

std::string tile(const std::string& figure, const std::string& what) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>\n", figure, what);
}

bool several_targets(const RunReport& run) {
  return std::any_of(run.layers.begin(), run.layers.end(),
                     [&](const LayerReport& layer) { return layer.target != run.layers.front().target; });
}

/// What stands out in a row, and what explains it.
std::string title_of(const LayerReport& layer) { return layer.name.empty() ? layer.label : layer.name; }

std::string detail_of(const LayerReport& layer, bool with_target) {
  std::string text = layer.name.empty() ? "" : layer.label;
  if (with_target) text += (text.empty() ? "" : ", ") + layer.target;
  return text;
}

std::string halide_text(const HalideResult& result) {
  return result.ratio > 0 ? fmt::format("{} {}", html(result.name), times_text(1 / result.ratio))
                          : fmt::format("{} {}", html(result.name), to_text(result.status));
}

const char* reason_text(TrialStatus status) {
  switch (status) {
    case TrialStatus::ok: return "Correct and timed";
    case TrialStatus::build_failed: return "The generator refused it or failed";
    case TrialStatus::build_crashed: return "The generator crashed";
    case TrialStatus::build_timeout: return "The build took too long";
    case TrialStatus::wrong_value: return "Wrong values, or a write outside its buffers";
    case TrialStatus::run_crashed: return "The kernel crashed";
    case TrialStatus::run_timeout: return "The kernel took too long";
    case TrialStatus::out_of_memory: return "Out of memory";
    case TrialStatus::not_run: return "The machine lacks what the target needs";
    case TrialStatus::lost: return "The worker that ran it was lost";
  }
  return "";
}

std::string example_html(const FailureExample& example) {
  const std::string message = example.message.empty() ? "(no message)" : shortened(example.message, kMessageBytes);
  return fmt::format(
      "<div class=\"example\"><small>{} &middot; <code>{}</code></small><span class=\"code\">{}</span></div>\n",
      html(example.label), html(shortened(example.schedule, kMessageBytes)), html(message));
}

std::string cell(const std::string& content, const char* attributes = "") {
  return fmt::format("<td{}>{}</td>", attributes, content);
}

/// The cells of a row of figures after its number; those that are not known stay empty.
std::string figure_cells(const LayerReport& layer, const Roof& roof, bool with_target) {
  const std::string detail = detail_of(layer, with_target);
  std::string cells =
      cell(html(title_of(layer)) + (detail.empty() ? "" : fmt::format("<br><small>{}</small>", html(detail))));
  const auto add = [&](bool known, const std::string& content) { cells += cell(known ? content : ""); };
  const double gflops = layer.gflops(layer.best_seconds);
  add(layer.measured, duration_text(layer.rule_seconds));
  add(layer.measured, duration_text(layer.best_seconds));
  add(layer.measured && std::isfinite(layer.best_spread), fmt::format("&plusmn;{:.1f}%", 100 * layer.best_spread));
  add(layer.measured, times_text(layer.speedup()));
  add(gflops > 0, figure_text(gflops));
  if (roof.gflops) add(gflops > 0, fmt::format("{:.0f}%", 100 * gflops / *roof.gflops));
  std::string halide;
  for (const HalideResult& result : layer.halide) halide += (halide.empty() ? "" : "<br>") + halide_text(result);
  cells += cell(halide, " class=\"text\"");
  return cells + cell(count_text(layer.trials)) + cell(count_text(layer.failures));
}

/// The winning schedule in words; its bare text where this program cannot read it.
std::vector<std::string> words_of(const LayerReport& layer) {
  try {
    const generators::Target& target = generators::target_from_name(layer.target);
    return schedule_words(lower(problem_from_text(layer.problem), target),
                          schedule_from_text(layer.best_schedule, target));
  } catch (const std::invalid_argument& error) {
    return {layer.best_schedule, std::string("not readable by this version: ") + error.what()};
  }
}

}  // namespace

std::string tiles(const RunReport& run) {
  std::size_t faster = 0, measured = 0;
  for (const LayerReport& layer : run.layers) {
    measured += layer.measured ? 1 : 0;
    faster += layer.measured && layer.best_ratio < 1 ? 1 : 0;
  }
  const auto mean = run.mean_speedup(), over_halide = run.mean_speedup_over_halide();
  std::string text = "<div class=\"tiles\">\n";
  text += tile(mean ? times_text(*mean) : "none yet", "over the default rule, geometric mean");
  text += tile(over_halide ? times_text(*over_halide) : "not compared",
               "over Halide&#39;s best autoscheduler, geometric mean");
  text += tile(fmt::format("{} of {}", faster, run.layers.size()),
               measured == run.layers.size()
                   ? "layers became faster"
                   : fmt::format("layers became faster; {} not measured", run.layers.size() - measured));
  text += tile(count_text(run.trials), fmt::format("trials, {} failed", count_text(run.failed())));
  return text + "</div>\n";
}

std::string rule_section(const RunReport& run) {
  std::vector<Bar> bars;
  std::size_t not_final = 0;
  const bool targets = several_targets(run);
  for (const LayerReport& layer : run.layers) {
    if (!layer.measured) continue;
    std::string detail = detail_of(layer, targets);
    if (!layer.final) {
      ++not_final;
      detail += detail.empty() ? "search only" : ", search only";
    }
    bars.push_back({title_of(layer), detail, layer.speedup()});
  }
  if (bars.empty()) return {};
  std::string note = "Speed of the best schedule relative to the default rule&#39;s, which is the vertical line.";
  if (not_final > 0)
    note +=
        " Layers marked \"search only\" had no final round yet; the best of many noisy times looks better than it is.";
  return section("Speed-up over the default rule", note, speedup_bars(std::move(bars), 1, "ours"));
}

std::string halide_section(const RunReport& run) {
  std::vector<Bar> bars;
  const bool targets = several_targets(run);
  bool tried = false;
  std::string failed;
  for (const LayerReport& layer : run.layers) {
    tried = tried || !layer.halide.empty();
    if (!layer.measured) continue;
    if (const HalideResult* best = layer.best_halide()) {
      std::string detail = detail_of(layer, targets);
      detail += (detail.empty() ? "vs\xc2\xa0" : ", vs\xc2\xa0") + best->name;  // a space that does not break
      bars.push_back({title_of(layer), detail, layer.speedup_over_halide()});
    } else if (!layer.halide.empty()) {
      failed += fmt::format("{}{}", failed.empty() ? "" : ", ", html(title_of(layer)));
    }
  }
  if (!tried) return {};
  std::string note =
      "Speed of the best schedule relative to the fastest of Halide&#39;s autoschedulers on the same layer, which is "
      "the "
      "vertical line.";
  if (!failed.empty()) note += " None of them gave a working kernel for " + failed + ".";
  return section("Speed-up over Halide&#39;s autoschedulers", note,
                 bars.empty() ? std::string() : speedup_bars(std::move(bars), 1, "halide"));
}

std::string curves_section(const RunReport& run) {
  const bool any =
      std::any_of(run.layers.begin(), run.layers.end(), [](const LayerReport& layer) { return !layer.curve.empty(); });
  if (!any) return {};
  const std::string legend =
      "<div class=\"legend\"><span><i class=\"line\"></i>best so far</span><span><i class=\"trial\"></i>a trial (the "
      "upper edge: or slower)</span><span><i class=\"failed\"></i>failed</span></div>\n";
  return section("Best so far",
                 "Time relative to the default rule&#39;s schedule, over the trials of each layer&#39;s search; lower "
                 "is better. The figure is the "
                 "best of the search, before the final round.",
                 legend + search_curves(run.layers));
}

std::string roofline_section(const RunReport& run, const Roof& roof) {
  const std::string chart = roofline(run.layers, roof);
  if (chart.empty()) return {};
  std::string note =
      "Operations count a multiply-add as two; bytes are those of input, weights and output, each moved once. Numbers "
      "are those of the figures below.";
  if (!roof.gflops) note += " The machine&#39;s peak is not known: give it with --peak.";
  if (roof.gflops && !roof.memory_gbs) note += " The memory&#39;s rate is not known: give it with --bandwidth.";
  return section("Roofline", note,
                 "<div class=\"legend\"><span><i></i>best schedule</span><span><i class=\"rule\"></i>default "
                 "rule</span></div>\n" +
                     chart);
}

std::string failures_section(const RunReport& run) {
  if (run.failures.empty()) return {};
  std::string text;
  for (const Failures& reason : run.failures) {
    text +=
        fmt::format("<div class=\"reason\"><h3><span>{} <small><code>{}</code></small></span><span>{}</span></h3>\n",
                    reason_text(reason.status), to_text(reason.status), count_text(reason.count));
    for (const FailureExample& example : reason.examples) text += example_html(example);
    text += "</div>\n";
  }
  return section("Failures by reason",
                 fmt::format("{} of {} trials. A failed candidate is never exported.", count_text(run.failed()),
                             count_text(run.trials)),
                 text);
}

std::string figures_section(const RunReport& run, const Roof& roof) {
  const bool targets = several_targets(run);
  std::string rows;
  for (std::size_t i = 0; i < run.layers.size(); ++i)
    rows += "<tr>" + cell(std::to_string(i + 1)) + figure_cells(run.layers[i], roof, targets) + "</tr>\n";
  return section(
      "Figures",
      "Of Halide&#39;s autoschedulers: speed relative to the default rule&#39;s schedule, or why there is none.",
      fmt::format("<div class=\"wide\" "
                  "tabindex=\"0\"><table>\n<thead><tr><th>#</th><th>Layer</th><th>Rule</th><th>Best</th><th>95%</th>"
                  "<th>Speed-up</th><th>GFLOP/s</th>{}<th class=\"text\">Halide</th><th>Trials</th><th>Failed</th></tr>"
                  "</thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
                  roof.gflops ? "<th>Of peak</th>" : "", rows));
}

std::string schedules_section(const RunReport& run) {
  const bool targets = several_targets(run);
  std::string cards;
  for (std::size_t i = 0; i < run.layers.size(); ++i) {
    const LayerReport& layer = run.layers[i];
    if (layer.best_schedule.empty()) continue;
    const std::vector<std::string> words = words_of(layer);
    std::string lines;
    for (std::size_t line = 1; line < words.size(); ++line) lines += fmt::format("<li>{}</li>", html(words[line]));
    const std::string detail = detail_of(layer, targets);
    const bool kept = layer.best_ratio >= 1;
    cards += fmt::format("<article{}><header><h3>{}. {}</h3><b>{}</b></header>{}<code>{}</code><ul>{}</ul></article>\n",
                         kept ? " class=\"kept\"" : "", i + 1, html(title_of(layer)),
                         kept ? "the rule&#39;s" : times_text(layer.speedup()),
                         detail.empty() ? "" : fmt::format("<small>{}</small><br>", html(detail)), html(words.front()),
                         lines);
  }
  if (cards.empty()) return {};
  return section("Winning schedules", "In words, with the sums of registers and caches that decide them.",
                 fmt::format("<div class=\"schedules\">\n{}</div>\n", cards));
}

}  // namespace sepconv::autoschedule::report
