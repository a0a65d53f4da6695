// sepconv tune: a model in, a lockfile with measured schedules out.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autoschedule/fleet/fleet_executor.h"
#include "autoschedule/lockfile.h"
#include "autoschedule/measure/local_executor.h"
#include "autoschedule/records/export_lock.h"
#include "autoschedule/schedule_tables.h"
#include "autoschedule/tuner.h"
#include "generators/compile/compile_library.h"
#include "generators/compile/files.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/interrupt.h"
#include "tools/program_paths.h"
#include "tools/runner_client.h"
#include "tools/scratch_folder.h"
#include "tools/target_choice.h"
#include "tools/tune_arguments.h"
#include "tools/tune_progress.h"

namespace sepconv::tools {

std::vector<autoschedule::TuneProblem> problems_of(const Plan& plan, const TuneArguments& arguments) {
  std::vector<autoschedule::TuneProblem> problems;
  for (const std::string& name : arguments.targets) {
    const generators::Target& target = generators::target_from_name(name);
    for (const PlannedLayer& layer : plan.layers) {
      const ConvProblem problem = kernel_problem(layer.problem);
      if (!serves(target, problem.dtype)) continue;
      const autoschedule::TuneProblem tuned{layer.name, to_text(problem), name};
      const bool known = std::any_of(problems.begin(), problems.end(), [&](const autoschedule::TuneProblem& other) {
        return other.problem == tuned.problem && other.target == tuned.target;
      });
      if (!known) problems.push_back(tuned);
    }
  }
  if (problems.empty())
    throw std::invalid_argument(
        fmt::format("'{}' has no layer that matches '{}' and can be tuned", arguments.model, arguments.layers));
  return problems;
}

std::vector<autoschedule::Candidate> suggestions(const autoschedule::Lockfile& lockfile,
                                                 const std::vector<std::string>& targets) {
  std::vector<autoschedule::Candidate> all = import_lock(lockfile);
  const autoschedule::ScheduleTables tables(tables_folder());
  for (const std::string& name : targets)
    for (autoschedule::Candidate& candidate : autoschedule::import_lock(tables.of(generators::target_from_name(name))))
      all.push_back(std::move(candidate));
  return all;
}

std::optional<std::filesystem::path> cache_of(const TuneArguments& arguments) {
  if (!arguments.cache.empty()) return arguments.cache;
  return arguments.no_cache ? std::nullopt : generators::default_cache_dir();
}

namespace {

constexpr const char* kExamples = R"(Examples:
  sepconv tune mobilenet.keras --lock mobilenet.lock.json --minutes 30
  sepconv tune mobilenet.keras --lock mobilenet.lock.json --minutes 30 --resume
  sepconv tune speech.json --lock speech.lock.json --trials 200 --target x86-64-avx2 --layers 'encoder/*'
  sepconv tune bench/suites/peers.json --lock peers.lock.json --minutes 30 --layers 'tiny_*'
  sepconv tune mobilenet.keras --lock mobilenet.lock.json --trials 500 --scheduler tcp://head:8786
  sepconv tune mobilenet.keras --lock mobilenet.lock.json --target x86-64-avx512 --by-model
  sepconv compile mobilenet.keras --lock mobilenet.lock.json -o out

Every trial is stored as soon as it ends. Ctrl-C loses at most the trials in flight, and --resume continues.
'sepconv report STORE -o report.html' shows all trials.
--by-model is for targets that cannot run here: the cost model ranks candidates, the best are compiled and nothing is
measured. Its rows are marked, and measured rows stay as they are.
Exit status: 0 success, 2 invalid usage or input, 3 a tool or the machine failed.)";

std::filesystem::path store_path(const TuneArguments& arguments) {
  if (!arguments.store.empty()) return arguments.store;
  return std::filesystem::path(arguments.lock).replace_extension(".sqlite");
}

/// Kernels can only be timed where they run.
void check_tunable(const std::string& name, const TuneArguments& arguments) {
  const generators::Target& target = generators::target_from_name(name);
  if (target.device != generators::Device::cpu)
    throw std::invalid_argument(
        fmt::format("target: '{}' runs on a GPU, whose kernels the tuner cannot time; a cost model already chooses its "
                    "schedules, so --by-model has nothing to add",
                    name));
  if (!arguments.runner.empty() || !arguments.scheduler.empty()) return;  // an emulator, or other machines
  if (!is_native(target))
    throw std::invalid_argument(fmt::format(
        "target: '{}' is for {}; pass --runner to run its programs, such as 'qemu-aarch64 arm/sepconv-runner', or "
        "--by-model to choose by the cost model alone",
        name, system_text(target)));
  if (const std::string reason = cannot_run_here(target); !reason.empty())
    throw std::invalid_argument(fmt::format(
        "target: '{}' cannot be timed here: it {}; --by-model chooses by the cost model alone", name, reason));
}

void print_results(const std::vector<autoschedule::TuneState>& states) {
  std::size_t width = 5;
  for (const autoschedule::TuneState& state : states) width = std::max(width, state.problem.name.size());
  print_out("{:<{}}  {:<16} {:>7} {:>8} {:>14}  {}\n", "layer", width, "target", "trials", "speed-up", "time",
            "schedule");
  double log_sum = 0;
  for (const autoschedule::TuneState& state : states) {
    print_out("{:<{}}  {:<16} {:>7} {:>7.2f}x {:>11.1f} us  {}\n", state.problem.name, width, state.problem.target,
              state.trials, 1 / state.best_ratio, 1e6 * state.seconds, state.best_schedule);
    log_sum += std::log(1 / state.best_ratio);
  }
  print_out("geometric mean over the rule: {:.3f}x\n", std::exp(log_sum / static_cast<double>(states.size())));
}

/// Where not one trial of any layer could be measured, the machine is to blame, and nothing was found.
void refuse_failures(const std::vector<autoschedule::TuneState>& states, const autoschedule::RecordStore& store) {
  const auto failed = [](const autoschedule::TuneState& state) {
    return state.trials > 0 && state.failures == state.trials;
  };
  if (!std::all_of(states.begin(), states.end(), failed)) return;
  for (const autoschedule::TuneState& state : states)
    for (const autoschedule::TrialRecord& record :
         store.records({.problem = state.problem.problem, .target = state.problem.target}))
      if (record.trial.status != autoschedule::TrialStatus::ok)
        throw std::runtime_error(fmt::format("tune: every trial failed; first failure, of layer '{}': {}",
                                             state.problem.name, record.trial.message));
}

autoschedule::LocalOptions local_options(const TuneArguments& arguments, const ScratchFolder& scratch,
                                         const InterruptFlag& interrupt) {
  autoschedule::LocalOptions local;
  local.generator = arguments.generator.empty() ? generator_program() : std::filesystem::path(arguments.generator);
  local.runner = arguments.runner.empty() ? std::vector<std::string>{runner_program().string()}
                                          : words(arguments.runner, "--runner");
  local.work = arguments.work.empty() ? scratch.path() : std::filesystem::path(arguments.work);
  local.cache_dir = cache_of(arguments);
  local.jobs = arguments.jobs;
  local.build_seconds = arguments.build_timeout;
  local.call_seconds = arguments.call_timeout;
  local.build_memory_bytes = local.run_memory_bytes = std::uint64_t(arguments.memory_mb) << 20;
  local.cpu = arguments.cpu;
  local.cancelled = &interrupt.flag();
  return local;
}

autoschedule::FleetOptions fleet_options(const TuneArguments& arguments, const autoschedule::LocalOptions& local) {
  if (arguments.targets.size() > 1 && arguments.resource.empty())
    throw std::invalid_argument(
        "--scheduler: workers are found by the target's name; with several targets, pass --worker-resource");
  autoschedule::FleetOptions fleet;
  fleet.scheduler = arguments.scheduler;
  fleet.resource = arguments.resource.empty() ? arguments.targets.front() : arguments.resource;
  fleet.python = arguments.python;
  fleet.script = fleet_script();
  fleet.work = local.work;
  fleet.build_seconds = local.build_seconds;
  fleet.build_memory_bytes = local.build_memory_bytes;
  fleet.call_seconds = local.call_seconds;
  fleet.run_memory_bytes = local.run_memory_bytes;
  fleet.cancelled = local.cancelled;
  return fleet;
}

/// Where the trials run.
std::unique_ptr<autoschedule::TrialExecutor> make_executor(const TuneArguments& arguments,
                                                           const autoschedule::LocalOptions& local) {
  if (!arguments.scheduler.empty())
    return std::make_unique<autoschedule::FleetExecutor>(fleet_options(arguments, local));
  return std::make_unique<autoschedule::LocalExecutor>(local);
}

/// Trials of an earlier run are used only when that is asked for.
void refuse_old_trials(const TuneArguments& arguments, const autoschedule::RecordStore& store,
                       const std::vector<autoschedule::TuneProblem>& problems) {
  if (arguments.resume) return;
  for (const autoschedule::TuneProblem& problem : problems)
    if (!store.records({.problem = problem.problem, .target = problem.target}).empty())
      throw std::invalid_argument(
          fmt::format("'{}' already has trials of layer '{}'; pass --resume to continue them, or --store with another "
                      "file to start over",
                      store_path(arguments).string(), problem.name));
}

/// The rows of the tuned problems; others stay as they are.
void merge(autoschedule::Lockfile& lockfile, const autoschedule::Lockfile& tuned,
           const std::vector<autoschedule::TuneProblem>& problems) {
  for (const autoschedule::TuneProblem& named : problems) {
    const ConvProblem problem = problem_from_text(named.problem);
    const generators::Target& target = generators::target_from_name(named.target);
    if (const autoschedule::LockRow* row = tuned.row(problem, target)) lockfile.set(problem, target, *row);
  }
}

/// What the lockfile holds already. Refuses one that could not be written in the end.
autoschedule::Lockfile lockfile_to_write(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error)) return autoschedule::Lockfile::read(path);
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (error || ::access(folder.c_str(), W_OK) != 0)
    throw std::invalid_argument(
        fmt::format("lockfile: cannot write '{}': {}", path.string(), error ? error.message() : std::strerror(errno)));
  return {};
}

int run_tune(const TuneArguments& given) {
  if (!given.by_model && given.trials == 0 && given.minutes <= 0)
    throw std::invalid_argument("tune: no limit; pass --trials N (per layer), --minutes N (in all), or both");
  TuneArguments arguments = given;
  autoschedule::Lockfile lockfile = lockfile_to_write(arguments.lock);
  const Plan plan = read_plan(arguments);
  if (arguments.targets.empty() && !plan.layers.empty())
    arguments.targets = {best_target_here(plan.layers.front().problem.dtype).name};
  if (!given.by_model)
    for (const std::string& name : arguments.targets) check_tunable(name, arguments);
  const std::vector<autoschedule::TuneProblem> problems = problems_of(plan, arguments);
  if (given.by_model) return run_tune_by_model(arguments, problems, std::move(lockfile));

  const InterruptFlag interrupt;
  const ScratchFolder scratch;
  const autoschedule::LocalOptions local = local_options(arguments, scratch, interrupt);
  const std::unique_ptr<autoschedule::TrialExecutor> executor = make_executor(arguments, local);
  autoschedule::TuneOptions options;
  options.threads = arguments.threads;
  options.search_timing.threads = options.final_timing.threads = arguments.threads;
  options.search_timing.cold = options.final_timing.cold = arguments.cold;
  options.seed = arguments.seed;
  options.trials = arguments.trials;
  options.minutes = arguments.minutes;
  options.halide = !arguments.no_halide;
  options.suggestions = suggestions(lockfile, arguments.targets);
  options.versions = {{"sepconv", SEPCONV_VERSION},
                      {"schedule", std::to_string(generators::kScheduleVersion)},
                      {"generator", generators::content_hash(generators::read_file(local.generator)).substr(0, 16)}};
  options.cancelled = &interrupt.flag();

  autoschedule::RecordStore store(store_path(arguments));
  refuse_old_trials(arguments, store, problems);
  TuneProgress progress(problems);
  std::vector<autoschedule::TuneState> states;
  try {
    states = tune(problems, options, *executor, store, progress);
  } catch (const autoschedule::TuneCancelled&) {
    progress.end();
    print_error("sepconv: tune: interrupted; finished trials are in '{}', and --resume continues\n",
                store_path(arguments).string());
    return kMachineFailed;
  }
  progress.end();
  refuse_failures(states, store);
  merge(lockfile, export_lock(store, executor->machine()), problems);
  lockfile.write(arguments.lock);
  print_results(states);
  print_out("wrote {} ({} rows); all trials are in {}\n", arguments.lock, lockfile.size(),
            store_path(arguments).string());
  return kDone;
}

/// Where trials run, and where their kernels are kept.
void add_cluster_options(CLI::App& command, TuneArguments& a) {
  CLI::Option* scheduler = command.add_option(
      "--scheduler", a.scheduler, "Run trials on a Dask cluster; the scheduler as tcp://HOST:PORT, or its file");
  command
      .add_option("--worker-resource", a.resource,
                  "Dask resource of the workers that measure; default: the target's name")
      ->needs(scheduler);
  command.add_option("--python", a.python, "Python interpreter that has dask.distributed")
      ->needs(scheduler)
      ->capture_default_str();
  command.add_option("--work", a.work, "Folder for linked candidates; default: a temporary one");
  CLI::Option* cache =
      command.add_option("--cache", a.cache, "Folder that caches compiled kernels; default: in the user's cache")
          ->excludes(scheduler);
  command.add_flag("--no-cache", a.no_cache, "Compile every candidate and cache none")
      ->excludes(cache)
      ->excludes(scheduler);
}

}  // namespace

void add_tune_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<TuneArguments>();
  TuneArguments& a = *arguments;
  CLI::App* command =
      app.add_subcommand("tune", "Search for faster schedules of a model's layers and write them to a lockfile");
  command->footer(kExamples);
  add_plan_options(*command, a);
  command->add_option("--lock", a.lock, "The lockfile to write; the search starts from the rows that it already has")
      ->required();
  command->add_option("--store", a.store, "File that stores all trials; default: the lockfile's name with .sqlite");
  command->add_flag("--resume", a.resume, "Continue from the trials in the store");
  command->add_option("--trials", a.trials, "Candidates per layer; required without --minutes and --by-model")
      ->check(CLI::Range(1, 1000000));
  command->add_option("--minutes", a.minutes, "Time limit for the whole run, in minutes")
      ->check(CLI::Range(0.1, 10080.0));
  CLI::Option* by_model = command->add_flag(
      "--by-model", a.by_model, "Measure nothing; take schedules that the cost model predicts to be clearly faster");
  command
      ->add_option("--least-gain", a.least_gain, "Minimum predicted speed-up over the rule's schedule for --by-model")
      ->needs(by_model)
      ->check(CLI::Range(1.0, 100.0));
  command->add_option("--target", a.targets, "Comma-separated targets; default: the best that this CPU runs")
      ->delimiter(',');
  command->add_option("--threads", a.threads, "Number of threads per call")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--cold", a.cold, "Also time each candidate with cold caches");
  command->add_option("--seed", a.seed, "Seed of the search; the same seed and the same timings give the same result")
      ->capture_default_str();
  command->add_flag("--no-halide", a.no_halide, "Skip Halide's own autoschedulers, which serve only as a comparison");
  command->add_option("-j,--jobs", a.jobs, "Candidates compiled in parallel; default: the number of cores")
      ->check(CLI::Range(1, 4096));
  command->add_option("--cpu", a.cpu, "Core that times the kernels; default: the last one")->check(CLI::Range(0, 4095));
  command->add_option("--build-timeout", a.build_timeout, "Time limit for compiling one candidate, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--call-timeout", a.call_timeout, "Time limit for one kernel call, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--memory-mb", a.memory_mb, "Memory limit of each compiler and kernel process, in MiB")
      ->check(CLI::Range(64, 1 << 20))
      ->capture_default_str();
  add_cluster_options(*command, a);
  command->add_option("--generator", a.generator, "Path of sepconv-generator, if it is not alongside this program");
  command->add_option("--runner", a.runner, "The sepconv-runner command, such as 'qemu-aarch64 arm/sepconv-runner'");
  for (const char* measuring : {"--store", "--resume", "--minutes", "--cold", "--no-halide", "--cpu", "--call-timeout",
                                "--jobs", "--scheduler", "--runner"})
    by_model->excludes(command->get_option(measuring));
  command->callback([arguments, &status] { status = run_tune(*arguments); });
}

}  // namespace sepconv::tools
