#pragma once
// `sepconv bench --network`: where the time of a whole network goes.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runner/peak.h"
#include "sepconv/executor.h"
#include "sepconv/network.h"
#include "sepconv/plan.h"
#include "tools/bench_layers.h"

namespace sepconv::tools {

/// Times of one network.
struct NetworkTimes {
  double seconds = 0, seconds_min = 0;  // of a whole call: the median and the minimum
  std::vector<double> steps;            // medians
  std::size_t rounds = 0;
  std::size_t workspace_bytes = 0;
  runner::FmaPeak peak;  // of one thread

  double steps_sum() const;
};

/// Compiles the network, loads it into this process and makes it use the target's kernels.
/// @throws CompileCancelled; std::runtime_error when a kernel does not compile.
Network load_bench_network(const PlannedNetwork& network, const BenchBuild& build, const std::filesystem::path& folder);

/// Calls the network in turn as a whole and with its steps timed, on seeded inputs and with warm caches.
/// @param seconds  altogether; at least five rounds
NetworkTimes time_network(const Network& network, Executor& executor, std::int64_t batch, double seconds);

/// What belongs to a timing, besides the times.
struct BenchFacts {
  std::string target;
  int threads = 1;
  std::int64_t batch = 1;
};
void print_network_times(const NetworkPlan& network, const NetworkTimes& times, const BenchFacts& facts);
nlohmann::ordered_json network_times_json(const NetworkPlan& network, const NetworkTimes& times,
                                          const BenchFacts& facts);

}  // namespace sepconv::tools
