#include "tools/bench_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <numeric>
#include <stdexcept>

#include "runner/network_io.h"
#include "runner/timing.h"
#include "runtime/core/network_observer.h"
#include "sepconv/tensor.h"
#include "tools/network_words.h"
#include "tools/text_table.h"

namespace sepconv::tools {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr std::size_t kFewestRounds = 5, kSlowest = 5;
constexpr std::uint64_t kSeed = 1;

class StepClock : public detail::StepObserver {
 public:
  explicit StepClock(std::size_t steps) : seconds_(steps) {}
  void begin(std::size_t /*step*/) noexcept override { begin_ = Clock::now(); }
  void end(std::size_t step) noexcept override {
    seconds_[step] = std::chrono::duration<double>(Clock::now() - begin_).count();
  }
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  Clock::time_point begin_;
  std::vector<double> seconds_;
};

/// A network with everything that its calls need.
class NetworkRun {
 public:
  NetworkRun(const Network& network, Executor& executor, std::int64_t batch)
      : network_(network), workspace_(network.workspace_bytes(batch, {.executor = &executor})) {
    context_ = {&executor, {workspace_.data(), workspace_.size()}};
    for (const NetworkTensorInfo& port : network.inputs())
      tensors_.push_back(make_tensor(runner::seeded_values(port, batch, kSeed + tensors_.size()),
                                     runner::run_shape(port, batch), port.dtype));
    for (const NetworkTensorInfo& port : network.outputs())
      tensors_.emplace_back(runner::run_shape(port, batch), port.dtype);
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      if (i < network.inputs().size())
        inputs_.push_back(std::as_const(tensors_[i]).view());
      else
        outputs_.push_back(tensors_[i].view());
    }
  }

  /// @throws std::runtime_error with the status's message
  void operator()(detail::StepObserver* observer) {
    const Status status = detail::NetworkAccess::run(network_, context_, inputs_.data(), inputs_.size(),
                                                     outputs_.data(), outputs_.size(), observer);
    if (!status.ok()) throw std::runtime_error(status.message());
  }
  std::size_t workspace_bytes() const { return workspace_.size(); }

 private:
  const Network& network_;
  std::vector<std::byte> workspace_;
  RunContext context_;
  std::vector<Tensor> tensors_;
  std::vector<ConstTensorView> inputs_;
  std::vector<TensorView> outputs_;
};

/// The figures of a row.
struct StepFigures {
  double share, gflops, percent_of_peak, gbs;
};

StepFigures figures_of(const StepCost& cost, double seconds, const NetworkTimes& times, const BenchFacts& facts) {
  const double batch = static_cast<double>(facts.batch), gflops = cost.flops * batch / seconds * 1e-9;
  return {seconds / times.steps_sum(), gflops, 100 * gflops / (times.peak.gflops_best * facts.threads),
          (cost.weight_bytes + cost.tensor_bytes * batch) / seconds * 1e-9};
}

std::vector<std::size_t> slowest_steps(const NetworkTimes& times) {
  std::vector<std::size_t> order(times.steps.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return times.steps[a] > times.steps[b]; });
  order.resize(std::min(order.size(), kSlowest));
  return order;
}

double flops_of(const NetworkPlan& network) {
  double flops = 0;
  for (const NetworkStep& step : network.steps) flops += cost_of_step(network, step).flops;
  return flops;
}

}  // namespace

double NetworkTimes::steps_sum() const { return std::accumulate(steps.begin(), steps.end(), 0.0); }

Network load_bench_network(const PlannedNetwork& network, const BenchBuild& build,
                           const std::filesystem::path& folder) {
  Plan plan;
  plan.network = network;
  load_bench_plan(plan, build, folder);
  std::vector<NamedWeights> weights;
  for (const PlannedLayer& layer : network.layers) weights.push_back({layer.name, layer.problem, layer.weights});
  Network loaded(network.plan, std::move(weights));
  loaded.force_kernel(build.target);
  return loaded;
}

NetworkTimes time_network(const Network& network, Executor& executor, std::int64_t batch, double seconds) {
  NetworkRun run(network, executor, batch);
  const std::size_t count = network.steps().size();
  StepClock clock(count);
  NetworkTimes times;
  times.workspace_bytes = run.workspace_bytes();
  times.peak = runner::measure_fma_peak(network.steps().front().problem.dtype);
  run(nullptr), run(&clock);  // warm caches
  std::vector<double> whole;
  std::vector<std::vector<double>> steps(count);
  const Clock::time_point start = Clock::now();
  while (whole.size() < kFewestRounds || std::chrono::duration<double>(Clock::now() - start).count() < seconds) {
    const Clock::time_point begin = Clock::now();
    run(nullptr);
    whole.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    run(&clock);
    for (std::size_t s = 0; s < count; ++s) steps[s].push_back(clock.seconds()[s]);
  }
  times.rounds = whole.size();
  times.seconds_min = *std::min_element(whole.begin(), whole.end());
  times.seconds = runner::median(std::move(whole));
  for (std::vector<double>& samples : steps) times.steps.push_back(runner::median(std::move(samples)));
  return times;
}

void print_network_times(const NetworkPlan& network, const NetworkTimes& times, const BenchFacts& facts) {
  TextTable rows = {{"step", "layer", "us", "share", "GFLOP/s", "of peak", "GB/s", "computes"}};
  for (std::size_t i = 0; i < network.steps.size(); ++i) {
    const NetworkStep& step = network.steps[i];
    const StepCost cost = cost_of_step(network, step);
    const StepFigures figures = figures_of(cost, times.steps[i], times, facts);
    const bool computes = cost.flops > 0;
    rows.push_back({std::to_string(i + 1), step.layer, fmt::format("{:.2f}", times.steps[i] * 1e6),
                    fmt::format("{:.1f} %", 100 * figures.share),
                    computes ? fmt::format("{:.1f}", figures.gflops) : "-",
                    computes ? fmt::format("{:.0f} %", figures.percent_of_peak) : "-",
                    fmt::format("{:.1f}", figures.gbs), step_words(step.problem)});
  }
  print_table(rows, {true, false, true, true, true, true, true, false});
  const double gflops = flops_of(network) * static_cast<double>(facts.batch) / times.seconds * 1e-9;
  std::cout << fmt::format(
      "\nsum of the steps {:.2f} us; the whole network {:.2f} us, at best {:.2f} us: {:.1f} GFLOP/s, {:.0f} % of the "
      "peak of {:.1f} ({})\n",
      times.steps_sum() * 1e6, times.seconds * 1e6, times.seconds_min * 1e6, gflops,
      100 * gflops / (times.peak.gflops_best * facts.threads), times.peak.gflops_best * facts.threads, times.peak.isa);
  std::cout << fmt::format("{}, {}, a batch of {}, medians of {} rounds, warm caches, workspace {}\n", facts.target,
                           count_words(facts.threads, "thread"), facts.batch, times.rounds,
                           bytes_words(static_cast<double>(times.workspace_bytes)));
  std::cout << "slowest:";
  for (const std::size_t step : slowest_steps(times))
    std::cout << fmt::format(" {} ({:.1f} %)", network.steps[step].layer, 100 * times.steps[step] / times.steps_sum());
  std::cout << '\n';
}

Json network_times_json(const NetworkPlan& network, const NetworkTimes& times, const BenchFacts& facts) {
  Json steps = Json::array(), slowest = Json::array();
  for (std::size_t i = 0; i < network.steps.size(); ++i) {
    const StepCost cost = cost_of_step(network, network.steps[i]);
    const StepFigures figures = figures_of(cost, times.steps[i], times, facts);
    Json row = {{"layer", network.steps[i].layer},
                {"problem", to_text(network.steps[i].problem)},
                {"us_median", times.steps[i] * 1e6},
                {"share", figures.share},
                {"gbs", figures.gbs}};
    if (cost.flops > 0) row["gflops"] = figures.gflops, row["percent_of_peak"] = figures.percent_of_peak;
    steps.push_back(std::move(row));
  }
  for (const std::size_t step : slowest_steps(times)) slowest.push_back(network.steps[step].layer);
  return {{"target", facts.target},
          {"threads", facts.threads},
          {"batch", facts.batch},
          {"rounds", times.rounds},
          {"us_median", times.seconds * 1e6},
          {"us_min", times.seconds_min * 1e6},
          {"us_steps", times.steps_sum() * 1e6},
          {"gflops", flops_of(network) * static_cast<double>(facts.batch) / times.seconds * 1e-9},
          {"peak_gflops", times.peak.gflops_best * facts.threads},
          {"peak_isa", times.peak.isa},
          {"workspace_bytes", times.workspace_bytes},
          {"steps", std::move(steps)},
          {"slowest", std::move(slowest)}};
}

}  // namespace sepconv::tools
