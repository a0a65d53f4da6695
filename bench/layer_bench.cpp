#include "bench/layer_bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <stdexcept>
#include <thread>
#include <utility>

#include "runner/compare.h"
#include "runner/peak.h"

namespace sepconv::bench {
namespace {

constexpr std::int64_t kBatch = 1;
constexpr std::uint64_t kSeed = 1;

}  // namespace

SuiteLayer::SuiteLayer(std::string name, ConvProblem problem) : name_(std::move(name)), problem_(problem) {}

const runner::SeededCase& SuiteLayer::data() {
  if (!data_) data_ = runner::real_values(problem_, kBatch, kSeed);
  return *data_;
}

const runner::ReferenceOutput& SuiteLayer::expected() {
  if (!expected_)
    expected_ = runner::reference_with_limits(problem_, data().weights, kBatch, data().input,
                                              static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  return *expected_;
}

double SuiteLayer::bytes() {
  std::size_t elems = data().input.size() + static_cast<std::size_t>(runner::output_elems(problem_)) * kBatch;
  for (const WeightArray& array : data().weights.arrays) elems += array.size();
  return static_cast<double>(elems * size_bytes(problem_.dtype));
}

LayerBench::LayerBench(std::shared_ptr<SuiteLayer> layer, const CompiledKernel& kernel, CacheMode mode,
                       const Machine& machine)
    : layer_(std::move(layer)), kernel_(&kernel), mode_(mode), machine_(&machine) {}

std::string LayerBench::name() const {
  return fmt::format("{}/{}/{}", layer_->name(), kernel_->target, mode_ == CacheMode::warm ? "warm" : "cold");
}

void LayerBench::check() {
  checked_ = true;
  const ConvProblem& problem = layer_->problem();
  try {
    ConvLayer layer(layer_->name(), problem, layer_->data().weights);
    layer.force_kernel(kernel_->symbol);
    const runner::GuardedRun run =
        runner::run_guarded(layer, *machine_->executor, layer_->data().input, runner::input_shape(problem, kBatch),
                            runner::output_shape(problem, kBatch));
    if (!run.fault.empty()) throw std::runtime_error(run.fault);
    const runner::ReferenceOutput& expected = layer_->expected();
    const runner::Comparison result = runner::compare(run.output, expected.values, expected.limits, problem.dtype);
    if (!result.ok)
      throw std::runtime_error(
          fmt::format("wrong result: off by {} at element {}, limit {}", result.max_error, result.index, result.limit));
  } catch (const std::exception& error) {
    error_ = error.what();
  }
}

void LayerBench::prepare() {
  if (!runs_.empty()) return;
  // A layer's own object, its kernel's choice and its buffers fill some KiB beside the data.
  constexpr double kLeastBytes = 4096;
  const double copies = mode_ == CacheMode::warm
                            ? 1
                            : std::ceil(2 * machine_->last_cache_bytes / std::max(layer_->bytes(), kLeastBytes)) + 1;
  const ConvProblem& problem = layer_->problem();
  for (std::size_t i = 0; i < static_cast<std::size_t>(copies); ++i) {
    layers_.push_back(std::make_unique<ConvLayer>(layer_->name(), problem, layer_->data().weights));
    layers_.back()->force_kernel(kernel_->symbol);
    runs_.emplace_back(*layers_.back(), *machine_->executor, layer_->data().input, runner::input_shape(problem, kBatch),
                       runner::output_shape(problem, kBatch));
    runs_.back()();
  }
  if (copy_gbs_ == 0) copy_gbs_ = runner::measure_copy_gbs(static_cast<std::size_t>(copies * layer_->bytes()));
}

void LayerBench::run(benchmark::State& state) {
  if (!checked_) check();
  if (failed()) {
    state.SkipWithError(error_.c_str());
    return;
  }
  prepare();
  const auto start = std::chrono::steady_clock::now();
  for ([[maybe_unused]] auto _ : state) {
    runs_[next_]();
    if (++next_ >= runs_.size()) next_ = 0;
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  using benchmark::Counter;
  const ConvProblem& problem = layer_->problem();
  const double flops = problem.flops() * kBatch;
  state.counters["FLOP/s"] = Counter(flops, Counter::kIsIterationInvariantRate);
  state.counters["bytes/s"] = Counter(layer_->bytes(), Counter::kIsIterationInvariantRate);
  // Not rate counters, which would be printed as percent a second.
  const double calls = static_cast<double>(state.iterations());
  state.counters["%peak"] = 100 * flops * calls / elapsed.count() / machine_->peak_flops.at(problem.dtype);
  state.counters["%copy"] = 100 * layer_->bytes() * calls / elapsed.count() / (copy_gbs_ * 1e9);
  state.SetLabel(kernel_->schedule);
}

}  // namespace sepconv::bench
