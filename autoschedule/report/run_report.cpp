#include "autoschedule/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>

#include "autoschedule/report/report_text.h"
#include "sepconv/detail/kernel_arguments.h"

namespace sepconv::autoschedule::report {
namespace {

constexpr std::string_view kHalide = "halide-";
constexpr std::size_t kExamples = 3;

bool is_halide(const Trial& trial) { return trial.candidate.schedule.starts_with(kHalide); }

bool is_good(double figure) { return std::isfinite(figure) && figure > 0; }

bool is_measured(const Trial& trial) { return trial.status == TrialStatus::ok && is_good(trial.seconds); }

/// Whether its time can be compared with the rule's.
bool is_compared(const Trial& trial) { return is_measured(trial) && is_good(trial.yardstick_seconds); }

/// Trials of one problem and target, in the order of the store.
struct LayerTrials {
  std::string problem, target;
  std::vector<const TrialRecord*> search, final_round;  // of final rounds only the last
};

std::vector<LayerTrials> by_layer(const std::vector<const TrialRecord*>& records) {
  std::vector<LayerTrials> layers;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (const TrialRecord* record : records) {
    const Candidate& candidate = record->trial.candidate;
    const auto [place, is_new] = places.try_emplace({candidate.problem, candidate.target}, layers.size());
    if (is_new) layers.push_back({candidate.problem, candidate.target, {}, {}});
    LayerTrials& layer = layers[place->second];
    if (record->kind == TrialKind::search) {
      layer.search.push_back(record);
      continue;
    }
    if (!layer.final_round.empty() && layer.final_round.front()->batch != record->batch) layer.final_round.clear();
    layer.final_round.push_back(record);
  }
  return layers;
}

/// The figures of the rule and the best. The first trial of a final round is the rule's; in a search it is the
/// yardstick of every trial.
void take_times(LayerReport& layer, const LayerTrials& trials) {
  layer.final = !trials.final_round.empty();
  const auto& from = layer.final ? trials.final_round : trials.search;
  if (layer.final && is_measured(from.front()->trial)) {
    const Trial& rule = from.front()->trial;
    layer.measured = true;
    layer.best_schedule = rule.candidate.schedule;
    layer.rule_seconds = rule.seconds;
    layer.best_spread = rule.spread;
  }
  const Trial* best = nullptr;
  for (const TrialRecord* record : from) {
    const Trial& trial = record->trial;
    if (!is_compared(trial) || is_halide(trial)) continue;
    layer.measured = true;
    if (!is_good(layer.rule_seconds)) layer.rule_seconds = trial.yardstick_seconds;
    if (trial.ratio() < (best == nullptr ? 1 : best->ratio())) best = &trial;
  }
  layer.best_seconds = layer.rule_seconds;
  if (best == nullptr) return;
  layer.best_schedule = best->candidate.schedule;
  layer.best_seconds = best->seconds;
  layer.best_ratio = best->ratio();
  layer.best_spread = best->spread;
  if (!layer.final) layer.rule_seconds = best->yardstick_seconds;  // measured beside the best
}

/// Of each autoscheduler the trial of the final round if it was in it, else that of the search.
void take_halide(LayerReport& layer, const LayerTrials& trials) {
  std::map<std::string, HalideResult> results;
  for (const auto* from : {&trials.search, &trials.final_round})
    for (const TrialRecord* record : *from) {
      const Trial& trial = record->trial;
      if (!is_halide(trial)) continue;
      const std::string name = trial.candidate.schedule.substr(kHalide.size());
      results[name] = {name, trial.status, is_compared(trial) ? trial.ratio() : 0};
    }
  for (const auto& [name, result] : results) layer.halide.push_back(result);
}

void take_curve(LayerReport& layer, const LayerTrials& trials) {
  for (const TrialRecord* record : trials.search) {
    const Trial& trial = record->trial;
    ++layer.trials;
    if (trial.status != TrialStatus::ok) ++layer.failures;
    if (!is_halide(trial)) layer.curve.push_back({is_compared(trial), is_compared(trial) ? trial.ratio() : 0});
  }
}

/// Operations, and the bytes of input, weights and output, each once.
void take_costs(LayerReport& layer) {
  try {
    const ConvProblem p = problem_from_text(layer.problem);
    if (p.is_dynamic()) return;
    double elems = static_cast<double>(p.IH) * p.IW * p.IC + static_cast<double>(p.OH()) * p.OW() * p.OC();
    for (const Argument& argument : weights_of(p))
      if (argument.kind == ArgumentKind::weights) elems += static_cast<double>(elements_of(argument));
    layer.flops = p.flops();
    layer.bytes = elems * static_cast<double>(size_bytes(p.dtype));
  } catch (const std::invalid_argument&) {
    return;  // a problem that this program does not know is shown without them
  }
}

std::vector<LayerReport> layer_reports(const std::vector<const TrialRecord*>& records,
                                       const std::map<std::string, std::string>& names) {
  const std::vector<LayerTrials> trials = by_layer(records);
  std::vector<std::string> problems;
  for (const LayerTrials& layer : trials)
    if (std::find(problems.begin(), problems.end(), layer.problem) == problems.end()) problems.push_back(layer.problem);
  const std::vector<std::string> labels = problem_labels(problems);
  std::vector<LayerReport> layers;
  for (const LayerTrials& of_layer : trials) {
    LayerReport layer;
    layer.problem = of_layer.problem;
    layer.target = of_layer.target;
    const auto place = std::find(problems.begin(), problems.end(), of_layer.problem) - problems.begin();
    layer.label = labels[static_cast<std::size_t>(place)];
    if (const auto name = names.find(layer.problem); name != names.end()) layer.name = name->second;
    take_times(layer, of_layer);
    take_halide(layer, of_layer);
    take_curve(layer, of_layer);
    take_costs(layer);
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::vector<Failures> failures_of(const std::vector<const TrialRecord*>& records) {
  std::map<TrialStatus, Failures> by_status;
  for (const TrialRecord* record : records) {
    const Trial& trial = record->trial;
    if (trial.status == TrialStatus::ok) continue;
    Failures& failures = by_status[trial.status];
    failures.status = trial.status;
    ++failures.count;
    const bool known = std::any_of(failures.examples.begin(), failures.examples.end(),
                                   [&](const FailureExample& example) { return example.message == trial.message; });
    if (!known && failures.examples.size() < kExamples)
      failures.examples.push_back({problem_label(trial.candidate.problem), trial.candidate.schedule, trial.message});
  }
  std::vector<Failures> all;
  for (auto& [status, failures] : by_status) all.push_back(std::move(failures));
  std::stable_sort(all.begin(), all.end(), [](const Failures& a, const Failures& b) { return a.count > b.count; });
  return all;
}

std::optional<double> geometric_mean(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace

const HalideResult* LayerReport::best_halide() const {
  const HalideResult* best = nullptr;
  for (const HalideResult& result : halide)
    if (result.ratio > 0 && (best == nullptr || result.ratio < best->ratio)) best = &result;
  return best;
}

std::size_t RunReport::failed() const {
  std::size_t count = 0;
  for (const Failures& reason : failures) count += reason.count;
  return count;
}

std::optional<double> RunReport::mean_speedup() const {
  std::vector<double> values;
  for (const LayerReport& layer : layers)
    if (layer.measured) values.push_back(layer.speedup());
  return geometric_mean(values);
}

std::optional<double> RunReport::mean_speedup_over_halide() const {
  std::vector<double> values;
  for (const LayerReport& layer : layers)
    if (layer.measured && layer.best_halide() != nullptr) values.push_back(layer.speedup_over_halide());
  return geometric_mean(values);
}

std::vector<RunReport> run_reports(const std::vector<TrialRecord>& records,
                                   const std::map<std::string, std::string>& names) {
  std::vector<RunReport> runs;
  std::vector<std::vector<const TrialRecord*>> trials;
  for (const TrialRecord& record : records) {
    std::size_t place = 0;
    while (place < runs.size() && !(runs[place].context == record.context)) ++place;
    if (place == runs.size()) {
      runs.push_back({});
      runs.back().context = record.context;
      trials.emplace_back();
    }
    RunReport& run = runs[place];
    trials[place].push_back(&record);
    ++run.trials;
    if (is_good(record.unix_time)) {
      run.begin = run.begin > 0 ? std::min(run.begin, record.unix_time) : record.unix_time;
      run.end = std::max(run.end, record.unix_time);
    }
  }
  for (std::size_t i = 0; i < runs.size(); ++i) {
    runs[i].layers = layer_reports(trials[i], names);
    runs[i].failures = failures_of(trials[i]);
  }
  std::stable_sort(runs.begin(), runs.end(), [](const RunReport& a, const RunReport& b) { return a.end > b.end; });
  return runs;
}

}  // namespace sepconv::autoschedule::report
