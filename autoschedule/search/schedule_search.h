#pragma once
// Which schedules of one problem are tried next: evolution from the best so far, ranked by a model.

#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "autoschedule/search/learned_model.h"
#include "autoschedule/search/search_space.h"

namespace sepconv::autoschedule {

struct Proposal {
  generators::Schedule schedule;
  std::string origin;  // "transfer", "lock", "model", "mutation", "crossover", "random"
};

class ScheduleSearch {
 public:
  /// The same seed, answers and models give the same proposals.
  ScheduleSearch(SearchSpace space, std::uint64_t seed, int threads);

  /// Tried first, in the order of suggestion; illegal schedules are left out.
  void suggest(const generators::Schedule& schedule, const std::string& origin);

  /// Records the result of a trial: the time relative to the rule's, or kFailed.
  void tell(const generators::Schedule& schedule, double ratio);
  static constexpr double kFailed = std::numeric_limits<double>::infinity();

  /// At most `count` schedules that were neither recorded nor proposed; fewer if the space is exhausted.
  std::vector<Proposal> ask(std::size_t count, const LearnedModel& model);

  /// The best recorded schedules, by ratio, then text; at most `count`. Never the rule.
  std::vector<generators::Schedule> best(std::size_t count) const;
  /// The best recorded ratio; 1, the rule's, if nothing was better.
  double best_ratio() const;

  const SearchSpace& space() const { return space_; }

 private:
  struct Told {
    generators::Schedule schedule;
    double ratio;
  };
  /// Schedules that could be tried, without those that were.
  std::vector<Proposal> pool();
  std::vector<Told> elite(std::size_t count) const;

  SearchSpace space_;
  Random random_;
  int threads_;
  std::vector<Proposal> suggested_;
  std::map<std::string, Told> told_;
  std::set<std::string> proposed_;
};

}  // namespace sepconv::autoschedule
