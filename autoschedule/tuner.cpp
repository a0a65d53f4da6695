#include "autoschedule/tuner.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>
#include <stdexcept>
#include <utility>

#include "autoschedule/search/cost_model.h"
#include "autoschedule/search/schedule_search.h"
#include "autoschedule/search/transfer.h"
#include "generators/spec/target.h"

namespace sepconv::autoschedule {
namespace {

// Adams2019 with a narrow beam: its own takes minutes for a layer.
constexpr const char* kHalideAutoschedulers[] = {"halide-mullapudi2016", "halide-adams2019_b4"};
constexpr int kTransferRound = 3;  // when a problem's search hears of the others'

/// Lives as long as the run: the clock, the records and what was learned.
class TuningRun {
 public:
  TuningRun(const std::vector<TuneProblem>& problems, const TuneOptions& options, TrialExecutor& executor,
            RecordStore& store, TuneObserver& observer)
      : options_(options),
        executor_(executor),
        store_(store),
        observer_(observer),
        context_{executor.machine(), options.versions, options.threads} {
    for (const TuneProblem& problem : problems) layers_.push_back(Layer(problem, options));
  }

  std::vector<TuneState> run() {
    const std::size_t kept = recall();
    observer_.begin(states(), kept);
    for (bool more = true; more && !time_is_up();) {
      more = false;
      for (Layer& layer : layers_) {
        if (time_is_up()) break;
        more = search_round(layer) || more;
      }
    }
    for (Layer& layer : layers_) final_round(layer);
    return states();
  }

 private:
  struct Layer {
    Layer(const TuneProblem& named, const TuneOptions& options)
        : state{.problem = named},
          problem(problem_from_text(named.problem)),
          target(generators::target_from_name(named.target)),
          search(SearchSpace(problem, target), options.seed, options.threads) {
      state.best_schedule = to_text(search.space().rule());
    }
    TuneState state;
    ConvProblem problem;
    generators::Target target;
    ScheduleSearch search;
    int rounds = 0;                    // in this run
    std::vector<Candidate> suggested;  // Halide's autoschedulers that are still to be tried
    std::string best_halide;           // the fastest of them so far
    double best_halide_ratio = 0;

    Candidate candidate(const std::string& schedule) const {
      return {state.problem.problem, state.problem.target, schedule};
    }
    Candidate rule() const { return candidate(to_text(search.space().rule())); }
  };

  static bool is_halide(const std::string& schedule) { return schedule.starts_with("halide-"); }

  std::vector<TuneState> states() const {
    std::vector<TuneState> all;
    for (const Layer& layer : layers_) all.push_back(layer.state);
    return all;
  }

  /// Takes over what the store has, and the suggestions. @return trials taken over.
  std::size_t recall() {
    std::size_t kept = 0;
    for (Layer& layer : layers_) {
      const auto records =
          store_.records({layer.state.problem.problem, layer.state.problem.target, context_, TrialKind::search});
      for (const TrialRecord& record : records) learn(layer, record.trial);
      kept += records.size();
      suggest(layer, options_.suggestions);
      if (options_.halide) queue_halide(layer);
    }
    model_.fit();
    return kept;
  }

  /// Of other problems, those that are most alike.
  void suggest(Layer& layer, const std::vector<Candidate>& suggestions) {
    constexpr std::size_t kTransfers = 4;
    std::vector<std::pair<double, std::string>> others;
    for (const Candidate& suggestion : suggestions) {
      if (suggestion.target != layer.state.problem.target || is_halide(suggestion.schedule)) continue;
      if (suggestion.problem == layer.state.problem.problem) {
        layer.search.suggest(schedule_from_text(suggestion.schedule, layer.target), "lock");
      } else if (const auto distance = transfer_distance(problem_from_text(suggestion.problem), layer.problem)) {
        others.emplace_back(*distance, suggestion.schedule);
      }
    }
    std::sort(others.begin(), others.end());
    std::set<std::string> taken;
    for (const auto& [distance, text] : others)
      if (taken.size() < kTransfers && taken.insert(text).second)
        layer.search.suggest(layer.search.space().adapted(schedule_from_text(text, layer.target)), "transfer");
  }

  /// What the other problems' searches have found so far.
  std::vector<Candidate> best_of_others(const Layer& layer) const {
    std::vector<Candidate> best;
    for (const Layer& other : layers_)
      if (&other != &layer && other.state.best_ratio < 1) best.push_back(other.candidate(other.state.best_schedule));
    return best;
  }

  void queue_halide(Layer& layer) {
    for (const char* name : kHalideAutoschedulers) {
      const Candidate candidate = layer.candidate(name);
      if (!store_.find(candidate, context_)) layer.suggested.push_back(candidate);
    }
  }

  /// Lets the search and the model know.
  void learn(Layer& layer, const Trial& trial) {
    TuneState& state = layer.state;
    ++state.trials;
    const bool ok = trial.status == TrialStatus::ok;
    if (!ok) ++state.failures;
    if (is_halide(trial.candidate.schedule)) {
      if (ok && (layer.best_halide.empty() || trial.ratio() < layer.best_halide_ratio)) {
        layer.best_halide = trial.candidate.schedule;
        layer.best_halide_ratio = trial.ratio();
      }
      return;
    }
    const generators::Schedule schedule = schedule_from_text(trial.candidate.schedule, layer.target);
    layer.search.tell(schedule, ok ? trial.ratio() : ScheduleSearch::kFailed);
    if (!ok) return;
    model_.add(features(schedule, lower(layer.problem, layer.target), options_.threads), trial.ratio(),
               index_of(layer));
    if (trial.ratio() < state.best_ratio) {
      state.best_ratio = trial.ratio();
      state.best_schedule = trial.candidate.schedule;
    }
  }

  int index_of(const Layer& layer) const { return static_cast<int>(&layer - layers_.data()); }

  /// One batch. @return false when the layer has nothing left to try.
  bool search_round(Layer& layer) {
    if (++layer.rounds == kTransferRound) suggest(layer, best_of_others(layer));
    std::size_t count = options_.batch;
    if (options_.trials > 0) count = std::min(count, options_.trials - std::min(options_.trials, layer.state.trials));
    std::vector<Proposal> proposals = layer.search.ask(count, model_);
    std::vector<Candidate> candidates;
    std::vector<std::string> origins;
    for (const Proposal& proposal : proposals) {
      candidates.push_back(layer.candidate(to_text(proposal.schedule)));
      origins.push_back(proposal.origin);
    }
    if (!candidates.empty())
      for (const Candidate& halide : std::exchange(layer.suggested, {})) {
        candidates.push_back(halide);
        origins.push_back("halide");
      }
    if (candidates.empty()) return false;
    const std::vector<TrialTask> tasks = grouped(layer, candidates);
    executor_.run(tasks, [&](std::size_t task, std::vector<Trial> trials) {
      const std::size_t first = task * options_.group;
      std::vector<TrialRecord> records;
      for (std::size_t i = 1; i < trials.size(); ++i)
        records.push_back(record(trials[i], TrialKind::search, origins.at(first + i - 1)));
      store_.add(records);
      for (std::size_t i = 1; i < trials.size(); ++i) finished_[first + i - 1] = trials[i];
      check_cancelled();
    });
    // In the order of proposal, whatever order they ended in: so the search does not depend on the executor.
    for (const auto& [index, trial] : std::exchange(finished_, {})) {
      learn(layer, trial);
      observer_.trial(trial, layer.state);
    }
    model_.fit();
    observer_.round(layer.state, seconds_left());
    return true;
  }

  std::vector<TrialTask> grouped(const Layer& layer, const std::vector<Candidate>& candidates) const {
    std::vector<TrialTask> tasks;
    for (std::size_t first = 0; first < candidates.size(); first += options_.group) {
      TrialTask task{{layer.rule()}, options_.search_timing};
      for (std::size_t i = first; i < std::min(first + options_.group, candidates.size()); ++i)
        task.candidates.push_back(candidates[i]);
      tasks.push_back(std::move(task));
    }
    return tasks;
  }

  /// The best against the rule, all in alternation.
  void final_round(Layer& layer) {
    check_cancelled();
    TrialTask task{{layer.rule()}, options_.final_timing};
    for (const generators::Schedule& schedule : layer.search.best(options_.finalists))
      task.candidates.push_back(layer.candidate(to_text(schedule)));
    if (!layer.best_halide.empty()) task.candidates.push_back(layer.candidate(layer.best_halide));
    executor_.run({task}, [&](std::size_t, std::vector<Trial> trials) {
      std::vector<TrialRecord> records;
      for (const Trial& trial : trials) records.push_back(record(trial, TrialKind::final_round, "final"));
      store_.add(records);
      TuneState& state = layer.state;
      state.final = true;
      state.best_ratio = 1;
      state.best_schedule = layer.rule().schedule;
      if (trials.front().status == TrialStatus::ok) state.seconds = trials.front().seconds;
      for (const Trial& trial : trials) {
        if (trial.status != TrialStatus::ok || is_halide(trial.candidate.schedule)) continue;
        if (trial.ratio() >= state.best_ratio) continue;
        state.best_ratio = trial.ratio();
        state.best_schedule = trial.candidate.schedule;
        state.seconds = trial.seconds;
      }
    });
    observer_.finals(layer.state);
  }

  TrialRecord record(const Trial& trial, TrialKind kind, const std::string& origin) const {
    TrialRecord record;
    record.trial = trial;
    record.kind = kind;
    record.context = context_;
    record.origin = origin;
    record.unix_time = static_cast<double>(std::time(nullptr));
    return record;
  }

  void check_cancelled() const {
    if (options_.cancelled != nullptr && options_.cancelled->load()) throw TuneCancelled();
  }

  double seconds_left() const {
    if (options_.minutes <= 0) return -1;
    const double spent = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    return std::max(0.0, 60 * options_.minutes - spent);
  }

  /// Whether only the time for the final rounds is left.
  bool time_is_up() const {
    check_cancelled();
    if (options_.minutes <= 0) return false;
    const double contenders = static_cast<double>(options_.finalists) + 2;
    const double finals = static_cast<double>(layers_.size()) * contenders * options_.final_timing.max_seconds;
    return seconds_left() < std::min(finals, 30 * options_.minutes);
  }

  const TuneOptions& options_;
  TrialExecutor& executor_;
  RecordStore& store_;
  TuneObserver& observer_;
  TrialContext context_;
  std::vector<Layer> layers_;
  std::map<std::size_t, Trial> finished_;  // of the batch in progress, by place in it
  LearnedModel model_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

std::vector<TuneState> tune(const std::vector<TuneProblem>& problems, const TuneOptions& options,
                            TrialExecutor& executor, RecordStore& store, TuneObserver& observer) {
  if (problems.empty()) throw std::invalid_argument("tune: no layers to tune");
  if (options.trials == 0 && options.minutes <= 0)
    throw std::invalid_argument("tune: no limit; set the trials per layer or the minutes");
  if (options.batch == 0 || options.group == 0)
    throw std::invalid_argument("tune: a batch needs at least one candidate");
  return TuningRun(problems, options, executor, store, observer).run();
}

}  // namespace sepconv::autoschedule
