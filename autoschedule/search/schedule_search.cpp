#include "autoschedule/search/schedule_search.h"

#include <algorithm>

#include "autoschedule/search/cost_model.h"

namespace sepconv::autoschedule {
namespace {

constexpr std::size_t kElite = 12;       // parents
constexpr std::size_t kMutations = 160;  // proposals that the model chooses from
constexpr std::size_t kCrossings = 40;
constexpr std::size_t kRandoms = 80;
constexpr std::size_t kFirstRandoms = 600;  // before anything is known
constexpr double kGreedy = 0.75;            // the part of a batch that the model chooses; the rest is chance

}  // namespace

ScheduleSearch::ScheduleSearch(SearchSpace space, std::uint64_t seed, int threads)
    : space_(std::move(space)), random_(seed), threads_(threads) {
  proposed_.insert(to_text(space_.rule()));
  if (threads > 1) suggest(blocks_for_threads(space_.rule(), space_.lowering(), threads), "model");
}

void ScheduleSearch::suggest(const generators::Schedule& schedule, const std::string& origin) {
  if (space_.legal(schedule)) suggested_.push_back({schedule, origin});
}

void ScheduleSearch::tell(const generators::Schedule& schedule, double ratio) {
  const std::string text = to_text(schedule);
  proposed_.insert(text);
  told_.insert_or_assign(text, Told{schedule, ratio});
}

std::vector<ScheduleSearch::Told> ScheduleSearch::elite(std::size_t count) const {
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [text, told] : told_)
    if (told.ratio < kFailed) order.emplace_back(told.ratio, text);
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), count));
  std::vector<Told> result;
  for (const auto& [ratio, text] : order) result.push_back(told_.at(text));
  return result;
}

std::vector<Proposal> ScheduleSearch::pool() {
  std::vector<Proposal> all;
  std::set<std::string> seen;
  const auto add = [&](generators::Schedule schedule, const char* origin) {
    const std::string text = to_text(schedule);
    if (proposed_.count(text) == 0 && seen.insert(text).second) all.push_back({std::move(schedule), origin});
  };
  std::vector<Told> parents = elite(kElite);
  const bool first = parents.empty();
  parents.push_back({space_.rule(), 1});
  for (generators::Schedule& schedule : space_.neighbours(parents.front().schedule))
    add(std::move(schedule), "mutation");
  for (std::size_t i = 0; i < kMutations; ++i)
    add(space_.mutated(parents[random_.below(parents.size())].schedule, random_), "mutation");
  for (std::size_t i = 0; i < kCrossings; ++i)
    add(space_.crossed(parents[random_.below(parents.size())].schedule, parents[random_.below(parents.size())].schedule,
                       random_),
        "crossover");
  for (std::size_t i = 0; i < (first ? kFirstRandoms : kRandoms); ++i) add(space_.random(random_), "random");
  return all;
}

std::vector<Proposal> ScheduleSearch::ask(std::size_t count, const LearnedModel& model) {
  std::vector<Proposal> chosen;
  const auto take = [&](const Proposal& proposal) {
    if (chosen.size() < count && proposed_.insert(to_text(proposal.schedule)).second) chosen.push_back(proposal);
  };
  std::size_t used = 0;
  for (; used < suggested_.size() && chosen.size() < count; ++used) take(suggested_[used]);
  suggested_.erase(suggested_.begin(), suggested_.begin() + static_cast<std::ptrdiff_t>(used));
  if (chosen.size() == count) return chosen;

  std::vector<Proposal> candidates = pool();
  std::vector<std::pair<double, std::size_t>> ranked;
  for (std::size_t i = 0; i < candidates.size(); ++i)
    ranked.emplace_back(model.score(features(candidates[i].schedule, space_.lowering(), threads_)), i);
  std::sort(ranked.begin(), ranked.end());
  const std::size_t greedy = chosen.size() + static_cast<std::size_t>(kGreedy * double(count - chosen.size()));
  for (std::size_t i = 0; i < ranked.size() && chosen.size() < greedy; ++i) {
    Proposal& proposal = candidates[ranked[i].second];
    if (told_.empty()) proposal.origin = "model";
    take(proposal);
  }
  // The others were proposed by chance, and are taken by chance.
  for (std::size_t left = candidates.size(); left > 0 && chosen.size() < count; --left) {
    const std::size_t pick = random_.below(left);
    take(candidates[pick]);
    std::swap(candidates[pick], candidates[left - 1]);
  }
  return chosen;
}

std::vector<generators::Schedule> ScheduleSearch::best(std::size_t count) const {
  std::vector<generators::Schedule> result;
  for (const Told& told : elite(count + 1))
    if (to_text(told.schedule) != to_text(space_.rule()) && result.size() < count) result.push_back(told.schedule);
  return result;
}

double ScheduleSearch::best_ratio() const {
  const std::vector<Told> first = elite(1);
  return first.empty() ? 1 : std::min(1.0, first.front().ratio);
}

}  // namespace sepconv::autoschedule
