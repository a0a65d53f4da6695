#pragma once
// The search where nothing can be measured: the cost model's estimate stands for the time.

#include <cstdint>
#include <vector>

#include "autoschedule/search/search_space.h"

namespace sepconv::autoschedule {

/// A schedule that the cost model expects to be faster than the rule's.
struct ModelPick {
  generators::Schedule schedule;
  double ratio = 1;  // its estimate over that of the rule's schedule: below 1
};

struct ModelSearchOptions {
  std::uint64_t seed = 1;
  int threads = 1;           // that the estimate is for
  std::size_t trials = 512;  // candidates that are drawn
  std::size_t picks = 4;
};

/// The best candidates of a search as the tuner's, by ratio, then text; at most `picks`, none without a gain. The same
/// options give the same picks.
/// @param suggestions  tried first, where they are legal.
std::vector<ModelPick> search_by_model(const SearchSpace& space, const std::vector<generators::Schedule>& suggestions,
                                       const ModelSearchOptions& options);

}  // namespace sepconv::autoschedule
