#include "autoschedule/model_tuner.h"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <utility>

#include "autoschedule/search/model_search.h"
#include "autoschedule/search/transfer.h"
#include "generators/spec/target.h"

namespace sepconv::autoschedule {
namespace {

/// Schedules of the same problem unchanged, those of others moved to this one's values; the most similar first.
std::vector<generators::Schedule> suggestions_for(const SearchSpace& space, const TuneProblem& named,
                                                  const std::vector<Candidate>& suggestions) {
  constexpr std::size_t kTransfers = 4;
  std::vector<generators::Schedule> same, others;
  std::multimap<double, generators::Schedule> by_distance;
  for (const Candidate& candidate : suggestions) {
    if (candidate.target != named.target) continue;
    generators::Schedule schedule = schedule_from_text(candidate.schedule, space.lowering().target);
    if (candidate.problem == named.problem)
      same.push_back(std::move(schedule));
    else if (const auto distance = transfer_distance(problem_from_text(candidate.problem), space.problem()))
      by_distance.emplace(*distance, space.adapted(schedule));
  }
  for (auto& [distance, schedule] : by_distance)
    if (others.size() < kTransfers) others.push_back(std::move(schedule));
  same.insert(same.end(), others.begin(), others.end());
  return same;
}

class ModelTuner {
 public:
  ModelTuner(const ModelTuneOptions& options, const std::function<CompiledFacts(const Candidate&)>& compile)
      : options_(options), compile_(compile) {}

  ModelTuneState tune(const TuneProblem& named) const {
    const generators::Target& target = generators::target_from_name(named.target);
    if (target.device != generators::Device::cpu)
      throw std::invalid_argument(fmt::format(
          "target: --by-model has nothing to add on '{}': the rule for GPUs already uses a cost model", target.name));
    const SearchSpace space(problem_from_text(named.problem), target);
    ModelTuneState state{.problem = named, .schedule = to_text(space.rule()), .why = {}};
    const std::vector<ModelPick> picks =
        search_by_model(space, suggestions_for(space, named, options_.suggestions),
                        {options_.seed, options_.threads, options_.trials, options_.picks});
    if (!picks.empty()) state.best_ratio = picks.front().ratio;
    std::optional<int> rule_spills;
    for (const ModelPick& pick : picks) {
      if (pick.ratio * options_.least_gain > 1) break;  // they are sorted
      const std::string text = to_text(pick.schedule);
      const CompiledFacts facts = compile_({named.problem, named.target, text});
      ++state.compiled;
      if (facts.status == TrialStatus::ok && facts.spills > 0 && !rule_spills) {
        const CompiledFacts rule = compile_({named.problem, named.target, state.schedule});
        rule_spills = rule.status == TrialStatus::ok ? rule.spills : 0;
      }
      if (facts.status != TrialStatus::ok) {
        state.why.push_back(fmt::format("{}: {}: {}", text, to_text(facts.status), facts.message));
      } else if (facts.spills > rule_spills.value_or(0)) {
        state.why.push_back(
            fmt::format("{}: its inner loops spill {} registers, the rule's {}", text, facts.spills, *rule_spills));
      } else {
        state.schedule = text;
        state.ratio = pick.ratio;
        break;
      }
    }
    return state;
  }

 private:
  const ModelTuneOptions& options_;
  const std::function<CompiledFacts(const Candidate&)>& compile_;
};

}  // namespace

std::vector<ModelTuneState> tune_by_model(const std::vector<TuneProblem>& problems, const ModelTuneOptions& options,
                                          const std::function<CompiledFacts(const Candidate&)>& compile,
                                          const std::function<void(const ModelTuneState&)>& done) {
  if (problems.empty()) throw std::invalid_argument("tune: no layers to tune");
  const ModelTuner tuner(options, compile);
  std::vector<ModelTuneState> states;
  for (const TuneProblem& problem : problems) {
    states.push_back(tuner.tune(problem));
    done(states.back());
  }
  return states;
}

ModelRows merge_model_rows(Lockfile& lockfile, const std::vector<ModelTuneState>& states,
                           const ModelTuneOptions& options) {
  ModelRows rows;
  for (const ModelTuneState& state : states) {
    const ConvProblem problem = problem_from_text(state.problem.problem);
    const generators::Target& target = generators::target_from_name(state.problem.target);
    const LockRow* known = lockfile.row(problem, target);
    if (known != nullptr && known->record.seconds) {
      ++rows.measured;
    } else if (state.chosen()) {
      Record record;
      record.source = RecordSource::model;
      record.predicted = significant_digits(state.ratio, 4);
      record.threads = options.threads;
      record.versions = options.versions;
      lockfile.set(problem, target, {schedule_from_text(state.schedule, target), record});
      ++rows.written;
    } else if (known != nullptr && known->record.source == RecordSource::model) {
      lockfile.remove(problem, target);
      ++rows.removed;
    }
  }
  return rows;
}

}  // namespace sepconv::autoschedule
