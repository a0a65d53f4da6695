#pragma once
// What `sepconv tune` was asked for, and what its two ways have in common: measuring, and the cost model alone.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "autoschedule/lockfile.h"
#include "autoschedule/trial.h"
#include "autoschedule/tuner.h"
#include "tools/plan_arguments.h"

namespace sepconv::tools {

struct TuneArguments : PlanArguments {
  std::string lock, store, generator, runner, work, cache, scheduler, resource, python = "python3";
  std::vector<std::string> targets;
  std::size_t trials = 0;
  double minutes = 0, build_timeout = 60, call_timeout = 10, least_gain = 0;
  int threads = 1, jobs = 0, cpu = -1, memory_mb = 4096;
  std::uint64_t seed = 1;
  bool resume = false, no_halide = false, cold = false, by_model = false, no_cache = false;
};

/// The problems of the model's layers, each once a target; named after the first layer.
/// @throws std::invalid_argument when there are none.
std::vector<autoschedule::TuneProblem> problems_of(const Plan& plan, const TuneArguments& arguments);

/// What starts the search: the schedules of the lockfile and of the shipped tables.
std::vector<autoschedule::Candidate> suggestions(const autoschedule::Lockfile& lockfile,
                                                 const std::vector<std::string>& targets);

/// Where compiled candidates are kept, for other runs and for `sepconv compile`; nothing = nowhere.
std::optional<std::filesystem::path> cache_of(const TuneArguments& arguments);

/// `sepconv tune --by-model`: writes the lockfile and prints what was chosen.
/// @param lockfile  as it was
/// @return the exit status.
int run_tune_by_model(const TuneArguments& arguments, const std::vector<autoschedule::TuneProblem>& problems,
                      autoschedule::Lockfile lockfile);

}  // namespace sepconv::tools
