#include "autoschedule/search/model_search.h"

#include <algorithm>

#include "autoschedule/search/cost_model.h"
#include "autoschedule/search/schedule_search.h"

namespace sepconv::autoschedule {

std::vector<ModelPick> search_by_model(const SearchSpace& space, const std::vector<generators::Schedule>& suggestions,
                                       const ModelSearchOptions& options) {
  constexpr std::size_t kBatch = 16;  // the tuner's
  const auto estimate = [&](const generators::Schedule& schedule) {
    return estimate_cost(schedule, space.lowering(), options.threads).total;
  };
  const double rule = estimate(space.rule());
  const LearnedModel estimate_alone;  // learned nothing
  ScheduleSearch search(space, options.seed, options.threads);
  for (const generators::Schedule& schedule : suggestions) search.suggest(schedule, "transfer");
  for (std::size_t drawn = 0; drawn < options.trials;) {
    const std::vector<Proposal> proposals = search.ask(std::min(kBatch, options.trials - drawn), estimate_alone);
    if (proposals.empty()) break;
    for (const Proposal& proposal : proposals) search.tell(proposal.schedule, estimate(proposal.schedule) / rule);
    drawn += proposals.size();
  }
  std::vector<ModelPick> picks;
  for (generators::Schedule& schedule : search.best(options.picks)) {
    const double ratio = estimate(schedule) / rule;
    if (ratio < 1) picks.push_back({std::move(schedule), ratio});
  }
  return picks;
}

}  // namespace sepconv::autoschedule
