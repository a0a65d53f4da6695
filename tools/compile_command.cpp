// sepconv compile: a model in, a library of kernels out.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "autoschedule/lockfile.h"
#include "autoschedule/schedule_tables.h"
#include "generators/compile/compile_library.h"
#include "generators/compile/library_names.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/console_progress.h"
#include "tools/interrupt.h"
#include "tools/plan_arguments.h"
#include "tools/program_paths.h"
#include "tools/size_report.h"
#include "tools/strict_float.h"

namespace sepconv::tools {
namespace {

constexpr const char* kExamples = R"(Examples:
  sepconv compile mobilenet.keras -o build/kernels
  sepconv compile speech.json -o out --name speech --target x86-64-avx2,x86-64-avx512 --layers 'encoder/*'
  sepconv compile detector.h5 -o out --input-shape 320x320x3 --dynamic
  sepconv compile mobilenet.keras -o out --lock mobilenet.lock.json --locked
  sepconv compile mobilenet.keras -o out --threads 4
  sepconv compile mobilenet.keras -o out --target arm-64,arm-64-fp16 --report
  sepconv compile mobilenet.keras -o out --network --embed --weights-dtype float16

Writes lib<name>.a (with --shared lib<name>.so), <name>.h, <name>.weights, <name>.lock.json and <name>Config.cmake, and
for a network also <name>_predict.h and <name>_predict.cpp, its interface for C.
--threads N sizes the blocks so that N threads finish at the same time. Any number of threads may run the layers, and
schedules from --lock stay as they are.
Exit status: 0 success, 1 no network although --network asks for it, 2 invalid usage or input, 3 a tool or the machine failed.)";

struct CompileArguments : PlanArguments {
  std::string output_dir, name, lock, cache, generator, include_dir;
  std::vector<std::string> targets;
  std::string weights_dtype = "float32";
  bool only_network = false, no_network = false, embed = false;
  bool dynamic = false, locked = false, shared = false, no_cache = false, no_tables = false, strict_float = false,
       report = false, json = false;
  int jobs = 0, threads = 1;
  double timeout = 120;
};

Plan plan_of(CompileArguments arguments, const generators::CompileOptions& options) {
  // Whoever names some layers wants no others, unless asked for.
  arguments.network = arguments.only_network || (!arguments.no_network && arguments.layers == "*");
  Plan plan = read_plan(arguments);
  if (arguments.only_network) plan.layers.clear(), plan.skipped.clear();
  if (arguments.strict_float) make_strict(plan);
  skip_layers_without_schedule(plan, options.targets, options.threads, options.schedules);
  for (const SkippedLayer& layer : plan.skipped)
    print_error("skipped '{}' ({}): {}\n", layer.name, layer.class_name, layer.reason);
  if (arguments.only_network && !plan.network && plan.why_no_network.empty())
    plan.why_no_network = fmt::format("'{}' is a list of layers", arguments.model);
  if (!plan.network && arguments.network && !plan.why_no_network.empty())
    print_error("no network: {}\n", plan.why_no_network);
  if (plan.layers.empty() && !plan.network && !arguments.only_network)
    throw std::invalid_argument(arguments.layers == "*"
                                    ? fmt::format("'{}' has no layer that can be compiled", arguments.model)
                                    : fmt::format("--layers: '{}' matches no layer of '{}' that can be compiled",
                                                  arguments.layers, arguments.model));
  return plan;
}

/// All rows of the lockfile that was given, and one for each kernel that it lacked.
std::string lockfile_text(const std::optional<autoschedule::Lockfile>& given, const autoschedule::KnownSchedules& known,
                          const std::vector<generators::PlannedKernel>& kernels) {
  autoschedule::Lockfile lockfile = given.value_or(autoschedule::Lockfile{});
  for (const generators::PlannedKernel& kernel : kernels) {
    const autoschedule::LockRow* row = known.row(kernel.problem, kernel.target);
    const bool as_recorded = row != nullptr && to_text(row->schedule) == to_text(kernel.schedule);
    lockfile.set(kernel.problem, kernel.target,
                 as_recorded ? *row : autoschedule::LockRow{kernel.schedule, autoschedule::Record{}});
  }
  return lockfile.text();
}

/// Keeps how long each kernel took.
class TimedProgress : public ConsoleProgress {
 public:
  void kernel_finished(const generators::PlannedKernel& kernel, double seconds) override {
    seconds_[kernel.target.name].push_back(seconds);
    ConsoleProgress::kernel_finished(kernel, seconds);
  }
  const CompileSeconds& seconds() const { return seconds_; }

 private:
  CompileSeconds seconds_;
};

void print_result(const CompileArguments& arguments, const Plan& plan, const generators::CompileResult& result,
                  const std::string& name, double seconds) {
  const std::string network =
      plan.network ? fmt::format(", a network of {} steps", plan.network->plan.steps.size()) : "";
  std::FILE* const out = arguments.json ? stderr : stdout;  // JSON alone goes to stdout
  write_text(out, fmt::format("{}: {} layers{}, {} kernels ({} from the cache), {} layers skipped, {:.2f} s\n", name,
                              plan.layers.size(), network, result.kernels.size(), result.cached, plan.skipped.size(),
                              seconds));
  for (const auto& file : result.files) {
    const bool written = std::find(result.written.begin(), result.written.end(), file) != result.written.end();
    write_text(out, fmt::format("{} {}\n", written ? "wrote    " : "unchanged",
                                (std::filesystem::path(arguments.output_dir) / file.filename()).string()));
  }
}

int compile(const CompileArguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  generators::CompileOptions options;
  options.name = arguments.name.empty() ? generators::library_name_from(arguments.model) : arguments.name;
  generators::check_library_name(options.name);
  options.output_dir = arguments.output_dir;
  if (!arguments.targets.empty()) options.targets = arguments.targets;
  for (const std::string& target : options.targets) generators::target_from_name(target);
  options.dynamic = arguments.dynamic;
  options.shared = arguments.shared;
  options.locked = arguments.locked;
  options.measure = arguments.report;
  options.embed = arguments.embed;
  for (const DataType dtype : {DataType::float16, DataType::bfloat16})
    if (arguments.weights_dtype == keras_name(dtype)) options.weights_dtype = dtype;
  options.threads = arguments.threads;
  std::optional<autoschedule::Lockfile> lockfile;
  if (!arguments.lock.empty()) lockfile = autoschedule::Lockfile::read(arguments.lock);
  const autoschedule::ScheduleTables tables(tables_folder());
  const bool only_lock = arguments.locked || arguments.no_tables;
  const autoschedule::KnownSchedules known(lockfile ? &*lockfile : nullptr, only_lock ? nullptr : &tables,
                                           arguments.threads);
  options.schedules = &known;
  options.note_rules = lockfile.has_value();  // the shipped tables know few layers
  options.lockfile_text = [&](const std::vector<generators::PlannedKernel>& kernels) {
    return lockfile_text(lockfile, known, kernels);
  };
  options.jobs = arguments.jobs;
  options.kernel_seconds = arguments.timeout;
  if (!arguments.no_cache) options.cache_dir = generators::default_cache_dir();
  if (!arguments.cache.empty()) options.cache_dir = arguments.cache;
  options.generator = arguments.generator.empty() ? generator_program() : std::filesystem::path(arguments.generator);
  options.include_dir =
      arguments.include_dir.empty() ? runtime_include_dir() : std::filesystem::path(arguments.include_dir);
  TimedProgress progress;
  options.observer = &progress;

  const Plan plan = plan_of(arguments, options);
  if (arguments.only_network && !plan.network) return kCheckFailed;
  const InterruptFlag interrupt;
  options.cancelled = &interrupt.flag();
  const generators::CompileResult result = compile_library(plan, options);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  print_result(arguments, plan, result, options.name, seconds);
  if (arguments.json)
    print_out("{}\n", size_report_json(options.name, result, progress.seconds()));
  else if (arguments.report)
    print_size_report(result, progress.seconds());
  return kDone;
}

}  // namespace

void add_compile_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<CompileArguments>();
  CompileArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("compile", "Compile the convolution layers of a model into a library");
  command->footer(kExamples);
  add_plan_options(*command, a);
  command->add_option("-o,--output", a.output_dir, "Folder to write the library to")->required();
  command->add_option("--name", a.name, "The library's name and C++ namespace; default: the model file's name");
  command->add_option("--target", a.targets, "Comma-separated targets; default: the shipped ones of this architecture")
      ->delimiter(',');
  CLI::Option* dynamic =
      command->add_flag("--dynamic", a.dynamic, "Also compile each layer for extents that are known only at run time");
  CLI::Option* lock = command->add_option("--lock", a.lock, "Lockfile to read schedules from");
  command->add_flag("--locked", a.locked, "Fail if the lockfile lacks a layer")->needs(lock);
  command->add_flag("--no-tables", a.no_tables, "Ignore the shipped tables of tuned schedules; use the rule");
  command->add_option("--threads", a.threads, "Number of threads per call, for which blocks are sized")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  CLI::Option* network =
      command->add_flag("--network", a.only_network, "Compile the network only, for one call of all layers")
          ->excludes(dynamic);  // its extents are those of the model
  CLI::Option* no_network =
      command->add_flag("--no-network", a.no_network, "Compile the layers only")->excludes(network);
  command->add_option("--from", a.from, "First layer of the network; default: that of the model")->excludes(no_network);
  command->add_option("--to", a.to, "Last layer of the network; default: that of the model")->excludes(no_network);
  CLI::Option* shared = command->add_flag("--shared", a.shared, "Build a shared library instead of an archive");
  command->add_flag("--embed", a.embed, "Put the weights into the archive, for a network that needs no file")
      ->excludes(no_network)
      ->excludes(shared);
  command->add_option("--weights-dtype", a.weights_dtype, "Type that float32 weights are stored in")
      ->check(CLI::IsMember({"float32", "float16", "bfloat16"}))
      ->capture_default_str();
  CLI::Option* report = command->add_flag(
      "--report", a.report, "Print code bytes per kernel and per target, and medians of code size and compile time");
  command->add_flag("--json", a.json, "Print the report as JSON; everything else goes to stderr")->needs(report);
  command->add_option("-j,--jobs", a.jobs, "Kernels compiled in parallel; default: the number of cores")
      ->check(CLI::Range(1, 4096));
  command->add_option("--timeout", a.timeout, "Time limit for compiling one kernel, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI::Option* cache =
      command->add_option("--cache", a.cache, "Folder that caches compiled kernels; default: in the user's cache");
  command->add_flag("--no-cache", a.no_cache, "Compile every kernel and cache none")->excludes(cache);
  command->add_flag("--strict-float", a.strict_float, kStrictFloatHelp);
  command->add_option("--generator", a.generator, "Path of sepconv-generator, if it is not alongside this program");
  command->add_option("--include-dir", a.include_dir, "Folder of sepconv's headers, used by --shared");
  command->callback([arguments, &status] { status = compile(*arguments); });
}

}  // namespace sepconv::tools
