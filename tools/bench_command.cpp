// sepconv bench: times the layers of a suite, a line of JSON a layer, so that any harness can drive it (bench/peers);
// or a whole network.

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "autoschedule/lockfile.h"
#include "autoschedule/schedule_tables.h"
#include "runner/pinning.h"
#include "runner/timing.h"
#include "sepconv/executor.h"
#include "sepconv/plan.h"
#include "tools/bench_layers.h"
#include "tools/bench_network.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/console_progress.h"
#include "tools/interrupt.h"
#include "tools/model_arguments.h"
#include "tools/model_child.h"
#include "tools/name_filter.h"
#include "tools/program_paths.h"
#include "tools/scratch_folder.h"
#include "tools/seeded_weights.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kPeer = "sepconv";

constexpr const char* kExamples = R"(Examples:
  sepconv bench --suite bench/suites/peers.json
  sepconv bench --suite bench/suites/peers.json --only '^tiny_' --threads 2 --seconds 0.5
  sepconv bench --suite bench/suites/peers.json --target x86-64-avx2 --no-tables
  echo mbv1_b4_56x56x128_128_s1 | sepconv bench --suite bench/suites/peers.json --serve
  sepconv bench --suite bench/suites/peers.json --only '^odd_' --io-dir data
  sepconv bench --network mobilenet.keras
  sepconv bench --network mobilenet.keras --threads 2 --batch 4 --seconds 2 --json

Prints one line per layer: {"peer", "version", "name", "ms_median", "ms_min", "runs", "note", "variant", "strict"}, or
{"peer", "name", "error"}. A call runs the layer with a workspace and warm caches. After a warm-up, a sample times one
call, or as many as take 20 us; sampling takes --seconds and at least five samples. A single thread is pinned.
--io-dir times nothing. It reads raw float32 from DIR/NAME.x.bin, .dw.bin (kh,kw,C,depth_multiplier), .pw.bin
(C*depth_multiplier,F) and .b.bin (F), and writes DIR/NAME.sepconv.TARGET.y.bin; x and y have the layer's data_format.
--network times a whole model, and each of its steps: their medians, shares, GFLOP/s, shares of this CPU's peak of
multiply-adds, and GB/s of inputs, operands, weights and outputs. A step's time has about 0.05 us of the clock's own.
Exit status: 0 success, 1 a layer has no result, or --network and there is none, 2 invalid usage or input, 3 a tool or the machine failed.)";

struct BenchArguments : ModelArguments {
  std::string suite, network, from, to, only, io_dir, target, lock, cache;
  int threads = 1, jobs = 0;
  std::int64_t batch = 1;
  double seconds = 0.15;
  bool serve = false, no_tables = false, no_cache = false, json = false;
};

std::vector<PlannedLayer> wanted_layers(const BenchArguments& arguments) {
  const NameFilter wanted(arguments.only);
  std::vector<PlannedLayer> layers = plan_in_child(arguments.suite, {model_options(arguments)}).layers;
  std::erase_if(layers, [&](const PlannedLayer& layer) { return !wanted(layer.name); });
  if (layers.empty())
    throw std::invalid_argument(fmt::format("--only: '{}' matches no layer of '{}'", arguments.only, arguments.suite));
  for (PlannedLayer& layer : layers) {
    if (layer.problem.is_dynamic() || layer.problem.dtype != DataType::float32)
      throw std::invalid_argument(
          fmt::format("{}: layer '{}' is '{}'; only float32 layers with static extents can be timed", arguments.suite,
                      layer.name, to_text(layer.problem)));
    layer.weights = {};  // every run has its own
    layer.has_weights = false;
  }
  return layers;
}

/// Omits the notes: each answer includes its schedule.
class BuildProgress : public ConsoleProgress {
 public:
  void note(const std::string& /*line*/) override {}
};

/// Answers for layers by name.
class BenchService {
 public:
  BenchService(const BenchArguments& arguments, std::vector<PlannedLayer> layers, std::string target,
               std::map<std::string, std::string> failures)
      : arguments_(arguments),
        layers_(std::move(layers)),
        target_(std::move(target)),
        failures_(std::move(failures)),
        executor_(make_thread_pool(arguments.threads)) {}

  const std::vector<PlannedLayer>& layers() const { return layers_; }

  /// Prints the answer. @return false for an error.
  bool answer(const std::string& name) {
    Json line = {{"peer", kPeer}, {"version", SEPCONV_VERSION}, {"name", name}};
    bool ok = true;
    try {
      BenchRun& run = prepared(name);
      if (arguments_.io_dir.empty())
        time(run, line);
      else
        write(run, line);
    } catch (const std::exception& error) {
      current_.clear();
      line = {{"peer", kPeer}, {"name", name}, {"error", error.what()}};
      ok = false;
    }
    std::cout << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    if (!std::cout) throw std::runtime_error("cannot write the answer");
    return ok;
  }

 private:
  /// The layer that was asked for last stays ready: a harness asks again in its next round.
  BenchRun& prepared(const std::string& name) {
    if (name == current_) return *run_;
    const auto layer =
        std::find_if(layers_.begin(), layers_.end(), [&](const PlannedLayer& l) { return l.name == name; });
    if (layer == layers_.end()) throw std::invalid_argument("no such layer");
    if (const auto failure = failures_.find(name); failure != failures_.end())
      throw std::invalid_argument(failure->second);
    run_.reset();
    run_ = std::make_unique<BenchRun>(*layer, target_, *executor_, arguments_.io_dir);
    current_ = name;
    return *run_;
  }

  void time(BenchRun& run, Json& line) const {
    const runner::Timing timing = runner::time_alone([&] { run(); }, arguments_.seconds);
    line["ms_median"] = timing.seconds_median * 1e3;
    line["ms_min"] = timing.seconds_min * 1e3;
    line["runs"] = timing.calls;
    line["note"] = run.layer().kernel()->schedule;
    line["variant"] = target_;
    line["strict"] = true;
  }

  void write(BenchRun& run, Json& line) const {
    run();
    const fs::path path = fs::path(arguments_.io_dir) / (current_ + "." + kPeer + "." + target_ + ".y.bin");
    run.write_output(path);
    line["files"] = {{target_, path.string()}};
  }

  const BenchArguments& arguments_;
  std::vector<PlannedLayer> layers_;
  std::string target_;
  std::map<std::string, std::string> failures_;
  std::unique_ptr<Executor> executor_;
  std::string current_;
  std::unique_ptr<BenchRun> run_;
};

/// How kernels are compiled, and all that this refers to.
class BuildSetup {
 public:
  BuildSetup(const BenchArguments& arguments, DataType dtype)
      : lockfile_(arguments.lock.empty() ? std::nullopt : std::optional(autoschedule::Lockfile::read(arguments.lock))),
        tables_(tables_folder()),
        known_(lockfile_ ? &*lockfile_ : nullptr, arguments.no_tables ? nullptr : &tables_, arguments.threads) {
    build_.target = bench_target(arguments.target, dtype);
    build_.schedules = &known_;
    if (!arguments.no_cache) build_.cache_dir = generators::default_cache_dir();
    if (!arguments.cache.empty()) build_.cache_dir = arguments.cache;
    build_.jobs = arguments.jobs;
    build_.threads = arguments.threads;
    build_.cancelled = &interrupt_.flag();
    build_.observer = &progress_;
  }
  BuildSetup(const BuildSetup&) = delete;
  BuildSetup& operator=(const BuildSetup&) = delete;

  const BenchBuild& build() const { return build_; }
  const fs::path& folder() const { return scratch_.path(); }

 private:
  std::optional<autoschedule::Lockfile> lockfile_;
  autoschedule::ScheduleTables tables_;
  autoschedule::KnownSchedules known_;
  InterruptFlag interrupt_;
  BuildProgress progress_;
  ScratchFolder scratch_;  // a loaded library needs its file no more
  BenchBuild build_;
};

BenchService make_service(const BenchArguments& arguments) {
  if (!arguments.io_dir.empty() && !fs::is_directory(arguments.io_dir))
    throw std::invalid_argument(fmt::format("--io-dir: '{}' is not a folder", arguments.io_dir));
  std::vector<PlannedLayer> layers = wanted_layers(arguments);
  const BuildSetup setup(arguments, DataType::float32);
  auto failures = load_bench_kernels(layers, setup.build(), setup.folder());
  return {arguments, std::move(layers), setup.build().target, std::move(failures)};
}

void pin(int threads) {
  if (threads == 1) runner::pin_to_core(runner::current_core());  // where the system refuses, it is only not pinned
}

int bench_network(const BenchArguments& arguments) {
  PlanOptions options{model_options(arguments)};
  options.network = true;
  options.from = arguments.from;
  options.to = arguments.to;
  Plan plan = plan_in_child(arguments.network, options);
  if (!plan.network) {
    print_error("no network: {}\n", plan.why_no_network.empty() ? "the file is no model" : plan.why_no_network);
    return kCheckFailed;
  }
  if (seed_weights(plan.network->layers)) print_error("'{}' holds no weights; using seeded ones\n", arguments.network);
  const BuildSetup setup(arguments, plan.network->layers.front().problem.dtype);
  const Network network = load_bench_network(*plan.network, setup.build(), setup.folder());
  pin(arguments.threads);
  const std::unique_ptr<Executor> executor = make_thread_pool(arguments.threads);
  const NetworkTimes times = time_network(network, *executor, arguments.batch, arguments.seconds);
  const BenchFacts facts{setup.build().target, arguments.threads, arguments.batch};
  if (arguments.json)
    std::cout
        << network_times_json(plan.network->plan, times, facts).dump(1, ' ', false, Json::error_handler_t::replace)
        << '\n';
  else
    print_network_times(plan.network->plan, times, facts);
  return kDone;
}

int bench(const BenchArguments& arguments) {
  if (!arguments.network.empty()) return bench_network(arguments);
  if (arguments.suite.empty())
    throw std::invalid_argument("bench: expected --suite FILE, for layers, or --network MODEL");
  BenchService service = make_service(arguments);
  pin(arguments.threads);
  if (arguments.serve) {
    for (std::string name; std::getline(std::cin, name);)
      if (!name.empty()) service.answer(name);
    return kDone;
  }
  bool ok = true;
  for (const PlannedLayer& layer : service.layers()) ok = service.answer(layer.name) && ok;
  return ok ? kDone : kCheckFailed;
}

void add_network_options(CLI::App& command, BenchArguments& a, CLI::Option* suite) {
  CLI::Option* network =
      command.add_option("--network", a.network, "Time this model as a whole, and each of its steps; prints a table")
          ->excludes(suite)
          ->type_name("MODEL");
  command.add_option("--from", a.from, "First layer of the network; default: that of the model")
      ->needs(network)
      ->type_name("LAYER");
  command.add_option("--to", a.to, "Last layer of the network; default: that of the model")
      ->needs(network)
      ->type_name("LAYER");
  command.add_option("--batch", a.batch, "Number of images per call of the network")
      ->needs(network)
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command.add_flag("--json", a.json, "Print JSON instead of the network's table")->needs(network);
}

}  // namespace

void add_bench_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<BenchArguments>();
  BenchArguments& a = *arguments;
  CLI::App* command =
      app.add_subcommand("bench", "Time the layers of a suite, one JSON line per layer, or a whole network");
  command->footer(kExamples);
  CLI::Option* suite = command->add_option("--suite", a.suite, "A suite, such as bench/suites/peers.json, or a model")
                           ->type_name("FILE");
  add_network_options(*command, a, suite);
  add_model_options(*command, a);
  command->add_option("--threads", a.threads, "Number of threads per call; also sizes the blocks")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--only", a.only, "Time only the layers whose names match")->type_name("REGEX");
  command->add_option("--seconds", a.seconds, "Minimum sampling time per layer, or of the network, in seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--serve", a.serve, "Read layer names from stdin and answer each with one line");
  command->add_option("--io-dir", a.io_dir, "Read data from this folder and write results to it; time nothing")
      ->type_name("DIR");
  command->add_option("--target", a.target, "Target of the kernels; default: SEPCONV_TARGET, else this CPU's best");
  command->add_option("--lock", a.lock, "Lockfile to read schedules from")->type_name("FILE");
  command->add_flag("--no-tables", a.no_tables, "Ignore the shipped tables of tuned schedules; use the rule");
  command->add_option("-j,--jobs", a.jobs, "Kernels compiled in parallel; default: the number of cores")
      ->check(CLI::Range(1, 4096));
  CLI::Option* cache =
      command->add_option("--cache", a.cache, "Folder that caches compiled kernels; default: in the user's cache");
  command->add_flag("--no-cache", a.no_cache, "Compile every kernel and cache none")->excludes(cache);
  command->callback([arguments, &status] { status = bench(*arguments); });
}

}  // namespace sepconv::tools
