#include "autoschedule/records/export_lock.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "generators/spec/target.h"

namespace sepconv::autoschedule {
namespace {

using Key = std::pair<std::string, std::string>;  // problem text, target name
using Round = std::vector<TrialRecord>;           // in the order of their measurement: the rule's schedule is the first

constexpr int kDigits = 4;

double rounded(double value) { return significant_digits(value, kDigits); }

/// Whether the texts of schedules mean to this program what they meant to the one that measured them.
bool same_schedule_version(const TrialRecord& record) {
  const auto version = record.context.versions.find("schedule");
  return version == record.context.versions.end() || version->second == std::to_string(generators::kScheduleVersion);
}

void check_machine(const std::vector<TrialRecord>& records, const std::string& machine) {
  std::set<std::string> machines;
  for (const TrialRecord& record : records) machines.insert(record.context.machine);
  if (machine.empty() ? machines.size() <= 1 : machines.contains(machine)) return;
  std::string known;
  for (const std::string& name : machines) known += fmt::format("{}'{}'", known.empty() ? "" : ", ", name);
  if (machine.empty())
    throw std::invalid_argument(
        fmt::format("record store: it has final rounds of several machines; name one of {}", known));
  throw std::invalid_argument(fmt::format("record store: it has no final rounds of machine '{}'; it has {}", machine,
                                          known.empty() ? "none" : known));
}

/// The last final round of each problem and target.
std::map<Key, Round> last_rounds(const std::vector<TrialRecord>& records, const std::string& machine) {
  std::map<Key, Round> rounds;
  for (const TrialRecord& record : records) {  // by id, and so by batch
    if (!machine.empty() && record.context.machine != machine) continue;
    if (!same_schedule_version(record)) continue;
    Round& round = rounds[{record.trial.candidate.problem, record.trial.candidate.target}];
    if (!round.empty() && round.front().batch != record.batch) round.clear();
    round.push_back(record);
  }
  return rounds;
}

/// The schedule, if this program would compile it for the problem and target.
std::optional<generators::Schedule> legal_schedule(const std::string& text, const ConvProblem& problem,
                                                   const generators::Target& target) {
  try {
    generators::Schedule schedule = schedule_from_text(text, target);
    if (reject_reason(schedule, lower(problem, target))) return std::nullopt;
    return schedule;
  } catch (const std::invalid_argument&) {  // one of Halide's autoschedulers, or not of this program
    return std::nullopt;
  }
}

bool is_measured(const Trial& trial) {
  return trial.status == TrialStatus::ok && std::isfinite(trial.seconds) && trial.seconds > 0;
}

Record record_of(const TrialRecord& measured, bool is_rule) {
  const Trial& trial = measured.trial;
  Record record;
  record.source = is_rule ? RecordSource::rule : RecordSource::tuned;
  record.seconds = rounded(trial.seconds);
  if (!is_rule && trial.ratio() > 0) record.ratio = rounded(trial.ratio());
  if (std::isfinite(trial.spread) && trial.spread >= 0) record.spread = rounded(trial.spread);
  if (trial.samples > 0) record.samples = trial.samples;
  if (measured.context.threads > 0) record.threads = measured.context.threads;
  record.machine = measured.context.machine;
  record.versions = measured.context.versions;
  return record;
}

/// The row that a round gives. Where the rule's schedule could not be measured, there is no ratio and the least time
/// counts.
std::optional<LockRow> best_row(const Round& round, const ConvProblem& problem, const generators::Target& target) {
  const bool rule_measured = is_measured(round.front().trial);
  std::optional<LockRow> best;
  std::pair<double, std::string> least;  // ties: the first text
  for (const TrialRecord& record : round) {
    const Trial& trial = record.trial;
    if (!is_measured(trial)) continue;
    const bool is_rule = trial.candidate.schedule == round.front().trial.candidate.schedule;
    const double cost = !rule_measured ? trial.seconds : is_rule ? 1 : trial.ratio();
    if (!(cost > 0) || !std::isfinite(cost) || (rule_measured && !is_rule && cost >= 1)) continue;
    const std::pair<double, std::string> rank = {cost, trial.candidate.schedule};
    if (best && least <= rank) continue;
    if (std::optional<generators::Schedule> schedule = legal_schedule(trial.candidate.schedule, problem, target)) {
      best = LockRow{*schedule, record_of(record, is_rule)};
      least = rank;
    }
  }
  return best;
}

}  // namespace

Lockfile export_lock(const RecordStore& store, const std::string& machine) {
  const std::vector<TrialRecord> records = store.records({{}, {}, {}, TrialKind::final_round});
  check_machine(records, machine);
  Lockfile lockfile;
  for (const auto& [key, round] : last_rounds(records, machine)) {
    try {
      const ConvProblem problem = problem_from_text(key.first);
      const generators::Target& target = generators::target_from_name(key.second);
      if (std::optional<LockRow> row = best_row(round, problem, target)) lockfile.set(problem, target, *std::move(row));
    } catch (const std::invalid_argument&) {
      continue;  // a problem or target that this program does not know: it has no row for it either
    }
  }
  return lockfile;
}

std::vector<Candidate> import_lock(const Lockfile& lockfile) {
  std::vector<Candidate> candidates;
  for (const auto& [key, row] : lockfile.rows()) candidates.push_back({key.first, key.second, to_text(row.schedule)});
  return candidates;
}

}  // namespace sepconv::autoschedule
