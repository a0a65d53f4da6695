// sepconv tune --by-model: schedules for targets that this machine cannot measure.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "autoschedule/measure/candidate_builder.h"
#include "autoschedule/model_tuner.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/instruction_mix.h"
#include "tools/interrupt.h"
#include "tools/program_paths.h"
#include "tools/scratch_folder.h"
#include "tools/tune_arguments.h"

namespace sepconv::tools {
namespace {

autoschedule::ModelTuneOptions model_options(const TuneArguments& arguments, const autoschedule::Lockfile& lockfile) {
  autoschedule::ModelTuneOptions options;
  options.threads = arguments.threads;
  options.seed = arguments.seed;
  if (arguments.trials > 0) options.trials = arguments.trials;
  if (arguments.least_gain > 0) options.least_gain = arguments.least_gain;
  options.suggestions = suggestions(lockfile, arguments.targets);
  options.versions = {{"sepconv", SEPCONV_VERSION}, {"schedule", std::to_string(generators::kScheduleVersion)}};
  return options;
}

autoschedule::CompiledFacts facts_of(const autoschedule::Candidate& candidate,
                                     const autoschedule::BuilderOptions& builder) {
  if (builder.cancelled->load()) throw autoschedule::TuneCancelled();
  int spills = 0;
  const autoschedule::CompiledCandidate compiled =
      compile_candidate(candidate, builder, [&](const std::filesystem::path& object) {
        spills = spills_in_loops(disassembly_of(object), generators::target_from_name(candidate.target));
      });
  if (builder.cancelled->load()) throw autoschedule::TuneCancelled();
  return {compiled.status, compiled.message, spills};
}

void print_state(const autoschedule::ModelTuneState& state, std::size_t width) {
  for (const std::string& why : state.why)
    print_error("{}: {}: left out: {}\n", state.problem.name, state.problem.target, why);
  print_out("{:<{}}  {:<16} {:>8.2f}x  {:<6} {}\n", state.problem.name, width, state.problem.target,
            1 / (state.chosen() ? state.ratio : state.best_ratio), state.chosen() ? "model" : "rule", state.schedule);
}

}  // namespace

int run_tune_by_model(const TuneArguments& arguments, const std::vector<autoschedule::TuneProblem>& problems,
                      autoschedule::Lockfile lockfile) {
  const autoschedule::ModelTuneOptions options = model_options(arguments, lockfile);

  const InterruptFlag interrupt;
  const ScratchFolder scratch;
  autoschedule::BuilderOptions builder;
  builder.generator = arguments.generator.empty() ? generator_program() : std::filesystem::path(arguments.generator);
  builder.kernels = arguments.work.empty() ? scratch.path() : std::filesystem::path(arguments.work);
  builder.seconds = arguments.build_timeout;
  builder.memory_bytes = std::uint64_t(arguments.memory_mb) << 20;
  builder.cancelled = &interrupt.flag();
  builder.cache_dir = cache_of(arguments);

  std::size_t width = 5;
  for (const autoschedule::TuneProblem& problem : problems) width = std::max(width, problem.name.size());
  print_out("{:<{}}  {:<16} {:>9}  {:<6} {}\n", "layer", width, "target", "predicted", "by", "schedule");
  std::vector<autoschedule::ModelTuneState> states;
  try {
    states = tune_by_model(
        problems, options, [&](const autoschedule::Candidate& candidate) { return facts_of(candidate, builder); },
        [&](const autoschedule::ModelTuneState& state) { print_state(state, width); });
  } catch (const autoschedule::TuneCancelled&) {
    print_error("sepconv: tune: interrupted; '{}' is unchanged\n", arguments.lock);
    return kMachineFailed;
  }
  const autoschedule::ModelRows rows = merge_model_rows(lockfile, states, options);
  lockfile.write(arguments.lock);
  print_out(
      "by the cost model, nothing was measured: {} of {} layers have a schedule predicted to be at least {:g}x as fast "
      "as the rule's\n",
      rows.written, problems.size(), options.least_gain);
  if (rows.measured > 0) print_out("{} measured rows are unchanged\n", rows.measured);
  if (rows.removed > 0) print_out("{} rows of an earlier prediction were removed\n", rows.removed);
  print_out("wrote {} ({} rows)\n", arguments.lock, lockfile.size());
  return kDone;
}

}  // namespace sepconv::tools
