// sepconv verify: compiles layers, runs them in a child process and compares; prints one line per case.

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "generators/compile/compile_library.h"
#include "generators/compile/files.h"
#include "runner/golden_cases.h"
#include "runner/npy.h"
#include "sepconv/plan.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/console_progress.h"
#include "tools/interrupt.h"
#include "tools/model_arguments.h"
#include "tools/model_child.h"
#include "tools/name_filter.h"
#include "tools/network_arguments.h"
#include "tools/program_paths.h"
#include "tools/runner_client.h"
#include "tools/scratch_folder.h"
#include "tools/seeded_weights.h"
#include "tools/strict_float.h"
#include "tools/verify_network.h"

namespace sepconv::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  sepconv verify mobilenet.keras
  sepconv verify tests/data/goldens --target x86-64-avx2 --only '^s2_'
  sepconv verify speech.keras --dynamic -j 4
  sepconv verify mobilenet.keras --network
  sepconv verify mobilenet.keras --io expected.npz

If PATH is a model, every layer is compiled and compared with a double-precision reference, on seeded inputs of the
layer's true shape. Then the whole network is, if the model has one: each step from what it reads, and the outputs to
1e-4 of the largest value (float32). --io compares with given outputs instead: an .npz file with arrays named like the
model's inputs and outputs, or x and y where there is one of each. If PATH is a folder with cases.json, every case is compared with the output that Keras computed.
A target that this CPU cannot run is reported. It is a failure only if --target names it.
Exit status: 0 success, 1 a case missed its limit, 2 invalid usage or input, 3 a tool or the machine failed.)";

struct VerifyArguments : ModelArguments {
  NetworkArguments network;
  std::string path, only, runner, cache, generator, include_dir, io;
  std::vector<std::string> targets;
  bool dynamic = false, strict = false, strict_float = false, no_cache = false;
  int jobs = 0;
  double timeout = 600;
};

/// What is compiled and compared.
struct VerifyJob {
  Plan plan;
  std::string mode;                    // of the runner
  std::vector<std::string> arguments;  // of the runner
  Plan network;                        // without layers; only for models
};

/// Plans a folder of cases, and writes what the runner compares with.
VerifyJob golden_job(const VerifyArguments& arguments, const std::filesystem::path& scratch) {
  VerifyJob job{{}, "compare", {"--io", (scratch / "io").string()}, {}};
  std::filesystem::create_directories(scratch / "io");
  nlohmann::json limits = nlohmann::json::object();
  for (runner::GoldenCase& c : runner::read_golden_cases(arguments.path, NameFilter(arguments.only))) {
    if (!c.skip_reason.empty()) {
      job.plan.skipped.push_back({c.name, "case", c.skip_reason});
      continue;
    }
    runner::write_npy(scratch / "io" / (c.name + ".input.npy"), runner::npy_from_doubles(c.input, c.in_shape));
    runner::write_npy(scratch / "io" / (c.name + ".expected.npy"), runner::npy_from_doubles(c.expected, c.out_shape));
    limits[c.name] = c.limit;
    job.plan.layers.push_back(std::move(c.layer));
  }
  generators::write_file(scratch / "io" / "limits.json", limits.dump());
  return job;
}

VerifyJob model_job(const VerifyArguments& arguments) {
  const bool only_network = arguments.network.any() || !arguments.io.empty();
  PlanOptions options{model_options(arguments)};
  set_network_options(options, arguments.network);
  options.network = only_network || arguments.only.empty();  // --only selects layers
  VerifyJob job{plan_in_child(arguments.path, options), "check", {"--batch", "2"}, {}};
  job.network.network = std::move(job.plan.network);
  job.network.why_no_network = std::move(job.plan.why_no_network);
  job.plan.network.reset();
  if (only_network) job.plan.layers.clear(), job.plan.skipped.clear();
  const NameFilter wanted(arguments.only);
  std::erase_if(job.plan.layers, [&](const PlannedLayer& layer) { return !wanted(layer.name); });
  std::erase_if(job.plan.skipped, [&](const SkippedLayer& layer) { return !wanted(layer.name); });
  bool seeded = seed_weights(job.plan.layers);
  if (job.network.network) seeded = seed_weights(job.network.network->layers) || seeded;
  if (seeded) print_error("'{}' holds no weights; using seeded ones\n", arguments.path);
  return job;
}

/// Compiles a plan into libverify.so in the folder.
void compile_plan(const Plan& plan, const VerifyArguments& arguments, const std::vector<std::string>& targets,
                  const std::filesystem::path& scratch, const std::atomic<bool>& cancelled,
                  generators::CompileObserver* observer) {
  generators::CompileOptions options;
  options.name = "verify";
  options.output_dir = scratch;
  options.targets = targets;
  options.dynamic = arguments.dynamic;
  options.shared = true;
  options.jobs = arguments.jobs;
  if (!arguments.no_cache) options.cache_dir = generators::default_cache_dir();
  if (!arguments.cache.empty()) options.cache_dir = arguments.cache;
  options.generator = arguments.generator.empty() ? generator_program() : std::filesystem::path(arguments.generator);
  options.include_dir =
      arguments.include_dir.empty() ? runtime_include_dir() : std::filesystem::path(arguments.include_dir);
  options.cancelled = &cancelled;
  options.observer = observer;
  compile_library(plan, options);
}

struct FailedLayer {
  std::string name, message;
};

/// Compiles the job's layers. Those that do not compile leave the plan and are returned: they fail by themselves and
/// not the rest.
/// @throws what compile_library throws, when no layer compiles.
std::vector<FailedLayer> compile_job(VerifyJob& job, const VerifyArguments& arguments,
                                     const std::vector<std::string>& targets, const std::filesystem::path& scratch,
                                     const std::atomic<bool>& cancelled) {
  ConsoleProgress progress;
  std::vector<FailedLayer> failed;
  std::exception_ptr first;
  try {
    compile_plan(job.plan, arguments, targets, scratch, cancelled, &progress);
    return failed;
  } catch (const generators::CompileCancelled&) {
    throw;
  } catch (const std::exception&) {
    first = std::current_exception();
  }
  Plan good;
  for (PlannedLayer& layer : job.plan.layers) {
    try {
      compile_plan({{layer}, {}}, arguments, targets, scratch, cancelled, nullptr);
      good.layers.push_back(std::move(layer));
    } catch (const generators::CompileCancelled&) {
      throw;
    } catch (const std::exception& error) {
      failed.push_back({layer.name, error.what()});
    }
  }
  // Nothing compiles: that is the machine, or the arguments, rather than a kernel.
  if (good.layers.empty()) std::rethrow_exception(first);
  job.plan.layers = std::move(good.layers);
  compile_plan(job.plan, arguments, targets, scratch, cancelled, &progress);
  return failed;
}

struct Counts {
  std::size_t ok = 0, failed = 0, not_run = 0;
};

void print_case(const RunnerCase& c, std::size_t name_width) {
  if (c.status == "error")
    print_out("FAIL   {:<{}}  {:<14}  {}\n", c.name, name_width, c.target, c.message);
  else
    print_out("{}  {:<{}}  {:<14}  max error {:8.2e}  limit {:8.2e}  {}\n", c.status == "ok" ? "ok   " : "MISS ",
              c.name, name_width, c.target, c.max_error, c.limit, c.schedule);
}

/// A target that the CPU cannot run is one line, not one for each case.
void print_target(const std::vector<RunnerCase>& cases, const std::string& target, std::size_t name_width,
                  Counts& counts) {
  const bool none_ran = !cases.empty() && std::all_of(cases.begin(), cases.end(), [&](const RunnerCase& c) {
    return c.status == "not_run" && c.message == cases.front().message;
  });
  if (none_ran) print_out("{}: not run: {}\n", target, cases.front().message);
  for (const RunnerCase& c : cases) {
    if (c.status == "not_run") {
      ++counts.not_run;
      if (!none_ran) print_out("not run  {:<{}}  {:<14}  {}\n", c.name, name_width, c.target, c.message);
      continue;
    }
    print_case(c, name_width);
    ++(c.failed() ? counts.failed : counts.ok);
  }
}

/// What all parts of one verification share.
struct Verification {
  const VerifyArguments& arguments;
  const std::vector<std::string>& targets;
  const std::vector<std::string> runner;
  const std::filesystem::path& scratch;
  const std::atomic<bool>& cancelled;
  Counts counts = {};
};

void verify_layers(Verification& v, VerifyJob& job) {
  for (const FailedLayer& layer : compile_job(job, v.arguments, v.targets, v.scratch, v.cancelled)) {
    print_out("FAIL   {}: does not compile: {}\n", layer.name, layer.message);
    ++v.counts.failed;
  }
  std::size_t name_width = 0;
  for (const PlannedLayer& layer : job.plan.layers) name_width = std::max(name_width, layer.name.size());
  RunnerRequest request;
  request.runner = v.runner;
  request.mode = job.mode;
  request.library = v.scratch / "libverify.so";
  request.weights = v.scratch / "verify.weights";
  request.report = v.scratch / "report.jsonl";
  request.seconds = v.arguments.timeout;
  request.cancelled = &v.cancelled;
  for (const std::string& target : v.targets) {
    request.layers.clear();
    for (const PlannedLayer& layer : job.plan.layers)
      if (generators::serves(generators::target_from_name(target), layer.problem.dtype))
        request.layers.push_back(layer.name);
    request.arguments = job.arguments;
    request.arguments.insert(request.arguments.end(), {"--target", target});
    if (v.arguments.dynamic) request.arguments.emplace_back("--all-kernels");
    print_target(run_cases(request), target, name_width, v.counts);
  }
}

bool serves_network(const std::string& name, const PlannedNetwork& network) {
  const generators::Target& target = generators::target_from_name(name);
  return target.device == generators::Device::cpu &&
         std::all_of(network.layers.begin(), network.layers.end(),
                     [&](const PlannedLayer& layer) { return generators::serves(target, layer.problem.dtype); });
}

/// @return false if the network does not compile, which has been printed
bool compile_network(Verification& v, const Plan& plan, const std::vector<std::string>& targets) {
  ConsoleProgress progress;
  try {
    VerifyArguments arguments = v.arguments;
    arguments.dynamic = false;
    compile_plan(plan, arguments, targets, v.scratch / "network", v.cancelled, &progress);
    return true;
  } catch (const generators::CompileCancelled&) {
    throw;
  } catch (const std::exception& error) {
    if (v.counts.ok == 0) throw;  // nothing has compiled: that is the machine, or the arguments
    print_out("FAIL   network: does not compile: {}\n", error.what());
    ++v.counts.failed;
    return false;
  }
}

void verify_network(Verification& v, const Plan& plan) {
  std::vector<std::string> targets = v.targets;
  std::erase_if(targets, [&](const std::string& target) { return !serves_network(target, *plan.network); });
  NetworkRequest request;
  if (!v.arguments.io.empty()) request.files = network_files(plan.network->plan, v.arguments.io, v.scratch);
  if (targets.empty()) throw std::invalid_argument("--target: no target is a CPU that computes the network's type");
  if (!compile_network(v, plan, targets)) return;
  request.runner = v.runner;
  request.library = v.scratch / "network" / "libverify.so";
  request.weights = v.scratch / "network" / "verify.weights";
  request.report = v.scratch / "network.jsonl";
  request.seconds = v.arguments.timeout;
  request.cancelled = &v.cancelled;
  for (const std::string& target : targets) {
    request.target = target;
    const NetworkResult result = check_network(request);
    print_network(result, target, std::string_view("network").size());
    ++(result.failed() ? v.counts.failed : result.status == "ok" ? v.counts.ok : v.counts.not_run);
  }
}

int verify(const VerifyArguments& arguments) {
  const std::vector<std::string> targets =
      arguments.targets.empty() ? generators::default_target_names() : arguments.targets;
  for (const std::string& target : targets) generators::target_from_name(target);
  const ScratchFolder scratch;
  const InterruptFlag interrupt;
  const bool only_network = arguments.network.any() || !arguments.io.empty();
  Verification v{arguments, targets,
                 arguments.runner.empty() ? std::vector<std::string>{runner_program().string()}
                                          : words(arguments.runner, "--runner"),
                 scratch.path(), interrupt.flag()};
  const bool cases = std::filesystem::is_directory(arguments.path);
  if (cases && only_network)
    throw std::invalid_argument(fmt::format("--network: '{}' is a folder of cases; expected a model", arguments.path));
  VerifyJob job = cases ? golden_job(arguments, scratch.path()) : model_job(arguments);
  if (arguments.strict_float) make_strict(job.plan), make_strict(job.network);
  for (const SkippedLayer& layer : job.plan.skipped) print_out("skipped  {}: {}\n", layer.name, layer.reason);
  if (!job.network.why_no_network.empty()) print_out("no network: {}\n", job.network.why_no_network);
  if (only_network && !job.network.network) return kCheckFailed;
  if (job.plan.layers.empty() && job.plan.skipped.empty() && !job.network.network)
    throw std::invalid_argument(fmt::format("'{}' has nothing to verify{}", arguments.path,
                                            arguments.only.empty() ? "" : " that --only matches"));
  if (!job.plan.layers.empty()) verify_layers(v, job);
  if (job.network.network) verify_network(v, job.network);
  print_out("{} ok, {} failed, {} not run on this CPU, {} skipped\n", v.counts.ok, v.counts.failed, v.counts.not_run,
            job.plan.skipped.size());
  const bool asked_in_vain = !arguments.targets.empty() && v.counts.not_run != 0;
  const bool skipped = arguments.strict && !job.plan.skipped.empty();
  return v.counts.failed != 0 || asked_in_vain || skipped ? kCheckFailed : kDone;
}

}  // namespace

void add_verify_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<VerifyArguments>();
  VerifyArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("verify", "Compile layers, run them and compare; prints one line per case");
  command->footer(kExamples);
  command->add_option("path", a.path, "A model, a JSON list of layers, or a folder with cases.json")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--target", a.targets, "Comma-separated targets; default: the shipped ones of this architecture")
      ->delimiter(',');
  command->add_option("--only", a.only, "Only cases or layers whose names match this regular expression")
      ->type_name("REGEX");
  command->add_option("--runner", a.runner, "The sepconv-runner command, such as 'qemu-aarch64 arm/sepconv-runner'")
      ->type_name("CMD");
  add_model_options(*command, a);
  add_network_options(*command, a.network, "Compare only the whole network, not its layers one by one");
  command
      ->add_option(
          "--io", a.io,
          "An .npz file with inputs and the outputs that the network must compute from them; implies --network")
      ->type_name("FILE");
  command->add_flag("--dynamic", a.dynamic, "Also compile and run each layer with extents known only at run time")
      ->excludes("--network", "--from", "--to", "--io");  // networks have the model's extents
  command->add_flag("--strict", a.strict, "Count layers and cases that cannot be compiled as failures");
  command->add_flag("--strict-float", a.strict_float, kStrictFloatHelp);
  command->add_option("-j,--jobs", a.jobs, "Kernels compiled in parallel; default: the number of cores")
      ->check(CLI::Range(1, 4096));
  command->add_option("--timeout", a.timeout, "Time limit of the runner per target, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::Option* cache =
      command->add_option("--cache", a.cache, "Folder that caches compiled kernels; default: in the user's cache");
  command->add_flag("--no-cache", a.no_cache, "Compile every kernel and cache none")->excludes(cache);
  command->add_option("--generator", a.generator, "Path of sepconv-generator, if it is not alongside this program");
  command->add_option("--include-dir", a.include_dir, "Folder of sepconv's headers");
  command->callback([arguments, &status] { status = verify(*arguments); });
}

}  // namespace sepconv::tools
