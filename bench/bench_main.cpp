// Speed of the kernels linked into this program: one benchmark a layer, target and state of the caches.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <map>
#include <stdexcept>

#include "bench/layer_bench.h"
#include "bench/overhead_bench.h"
#include "bench/suite.h"
#include "runner/peak.h"
#include "runner/pinning.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/kernel_registry.h"

namespace sepconv::bench {
namespace {

using Benches = std::vector<std::unique_ptr<LayerBench>>;
using NotRun = std::map<std::string, std::string>;  // targets left out, and why

double last_cache_bytes() {
  int largest = 0;
  for (const auto& cache : benchmark::CPUInfo::Get().caches)
    if (cache.type != "Instruction") largest = std::max(largest, cache.size);
  if (largest == 0) throw std::runtime_error("--cold: the system does not report the size of its caches");
  return largest;
}

Machine this_machine(int threads, bool cold) {
  Machine machine;
  machine.threads = threads;
  if (cold) machine.last_cache_bytes = last_cache_bytes();
  machine.executor = make_thread_pool(threads);
  return machine;
}

/// Calls f(layer, kernel) for each registered kernel that this CPU runs.
NotRun for_each_kernel(const std::function<void(const std::shared_ptr<SuiteLayer>&, const CompiledKernel&)>& f) {
  const KernelTable& table = suite_kernels();
  NotRun not_run;
  for (std::size_t i = 0; i < table.layer_count; ++i) {
    auto layer = std::make_shared<SuiteLayer>(table.layers[i].name, problem_from_text(table.layers[i].problem));
    for (std::size_t r = 0; r < table.kernel_count; ++r) {
      const CompiledKernel& kernel = table.kernels[r];
      if (problem_from_text(kernel.problem) != kernel_problem(layer->problem())) continue;
      const std::uint64_t missing = kernel.required_features & ~detected_cpu_features();
      if (missing != 0) {
        not_run[kernel.target] = "this CPU lacks " + cpu_feature_names(missing);
        continue;
      }
      f(layer, kernel);
    }
  }
  return not_run;
}

/// The peak of each type that the benches compute in.
std::map<DataType, runner::FmaPeak> measure_peaks(const Benches& benches) {
  std::map<DataType, runner::FmaPeak> peaks;
  for (const auto& one : benches)
    if (peaks.count(one->dtype()) == 0) peaks[one->dtype()] = runner::measure_fma_peak(one->dtype());
  return peaks;
}

void describe(const Machine& machine, bool pinned, const NotRun& not_run) {
  benchmark::AddCustomContext("compiler", __VERSION__);
  benchmark::AddCustomContext("threads", fmt::format("{}{}", machine.threads, pinned ? ", pinned" : ""));
  benchmark::AddCustomContext("batch", "1");
  for (const auto& [target, reason] : not_run) benchmark::AddCustomContext("not run: " + target, reason);
}

void describe_peaks(const std::map<DataType, runner::FmaPeak>& peaks) {
  for (const auto& [dtype, peak] : peaks)
    benchmark::AddCustomContext(fmt::format("peak {}", keras_name(dtype)),
                                fmt::format("{:.1f} GFLOP/s per core ({}); median burst {:.1f}", peak.gflops_best,
                                            peak.isa, peak.gflops_median));
  benchmark::AddCustomContext("warm",
                              "reuses the same buffers; cold: rotates through copies larger than twice the last cache");
}

/// Runs the benches that the filter matches. @return the exit status
template <class Bench>
int run_all(const std::vector<std::unique_ptr<Bench>>& benches, bool manual_time) {
  Bench* previous = nullptr;
  for (const auto& one : benches) {
    auto* registered =
        benchmark::RegisterBenchmark(one->name().c_str(), [&previous, current = one.get()](benchmark::State& state) {
          // Copies for cold caches take tens of megabytes: only one bench keeps its own.
          if (previous != nullptr && previous != current) previous->release();
          previous = current;
          current->run(state);
        });
    registered->Unit(benchmark::kMicrosecond);
    manual_time ? registered->UseManualTime() : registered->UseRealTime();
  }
  if (benchmark::RunSpecifiedBenchmarks() == 0)
    throw std::invalid_argument("no benchmark matches '" + benchmark::GetBenchmarkFilter() +
                                "'; --benchmark_list_tests lists all");
  const auto failed = std::count_if(benches.begin(), benches.end(), [](const auto& one) { return one->failed(); });
  if (failed > 0) fmt::print(stderr, "sepconv_bench: {} benchmarks failed or computed wrong results\n", failed);
  return failed == 0 ? 0 : 1;
}

int run_speed(Machine& machine, bool cold) {
  Benches benches;
  const NotRun not_run = for_each_kernel([&](const auto& layer, const auto& kernel) {
    benches.push_back(std::make_unique<LayerBench>(layer, kernel, CacheMode::warm, machine));
    if (cold) benches.push_back(std::make_unique<LayerBench>(layer, kernel, CacheMode::cold, machine));
  });
  const bool pinned = machine.threads == 1 && runner::pin_to_core(runner::current_core());
  const std::map<DataType, runner::FmaPeak> peaks = measure_peaks(benches);
  for (const auto& [dtype, peak] : peaks) machine.peak_flops[dtype] = peak.gflops_best * 1e9 * machine.threads;
  describe(machine, pinned, not_run);
  describe_peaks(peaks);
  return run_all(benches, false);
}

int run_overhead(const Machine& machine) {
  std::vector<std::unique_ptr<OverheadBench>> benches;
  const NotRun not_run = for_each_kernel([&](const auto& layer, const auto& kernel) {
    benches.push_back(std::make_unique<OverheadBench>(layer, kernel, machine));
  });
  describe(machine, machine.threads == 1 && runner::pin_to_core(runner::current_core()), not_run);
  benchmark::AddCustomContext("time", "per round: the kernel called directly and the layer's run, equally often");
  return run_all(benches, true);
}

/// Prints the --help text. Google Benchmark handles --help before the options below are parsed.
void print_help() {
  fmt::print(
      "Times the kernels of the suite, after checking each against a reference in double precision.\n"
      "Exit status: 0 success, 1 a wrong result, 2 invalid usage.\n\n"
      "sepconv_bench [--threads N]   threads per call; with 1, the default, the calling thread is pinned to its core\n"
      "          [--cold]            also time with cold caches\n"
      "          [--overhead]        time what a layer's run costs beyond its kernel, instead of the kernels\n"
      "and the options of Google Benchmark, such as --benchmark_filter=mbv1.*avx2:\n\n");
  std::fflush(stdout);
  benchmark::PrintDefaultHelp();
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv, print_help);  // takes its own options out of argv
  CLI::App app;
  int threads = 1;
  bool cold = false, overhead = false;
  app.add_option("--threads", threads, "")->check(CLI::Range(1, 1024));
  CLI::Option* cold_option = app.add_flag("--cold", cold, "");
  app.add_flag("--overhead", overhead, "")->excludes(cold_option);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    use_kernels(suite_kernels());
    Machine machine = this_machine(threads, cold);
    return overhead ? run_overhead(machine) : run_speed(machine, cold);
  } catch (const std::exception& error) {
    fmt::print(stderr, "sepconv_bench: {}\n", error.what());
    return 2;
  }
}

}  // namespace
}  // namespace sepconv::bench

int main(int argc, char** argv) { return sepconv::bench::run(argc, argv); }
