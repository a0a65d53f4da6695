// The trial mode: kernels that nobody has run before.

#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <thread>

#include "runner/compare.h"
#include "runner/layer_run.h"
#include "runner/pinning.h"
#include "runner/trial_child.h"
#include "runner/trial_kernel.h"
#include "runner/trial_options.h"
#include "runner/trial_reference.h"
#include "runner/trial_timing.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/executor.h"
#include "sepconv/layer.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::int32_t kDynamicExtent = 29;  // beyond the window, of problems with dynamic extents

// As autoschedule/trial.h has them, which the runner of another machine is built without.
constexpr const char *kOk = "ok", *kBuildFailed = "build-failed", *kWrongValue = "wrong-value",
                     *kRunCrashed = "run-crashed", *kRunTimeout = "run-timeout", *kOutOfMemory = "out-of-memory",
                     *kNotRun = "not-run";

const char* status_of(ChildResult::End end) {
  switch (end) {
    case ChildResult::End::done: return kOk;
    case ChildResult::End::crashed: return kRunCrashed;
    case ChildResult::End::timed_out: return kRunTimeout;
    case ChildResult::End::out_of_memory: return kOutOfMemory;
  }
  return kRunCrashed;
}

/// A kernel and what became of it.
struct TrialCase {
  TrialKernel kernel;
  Json line;
  bool good = true;

  void end(const char* status, const std::string& message) {
    line["status"] = status;
    line["message"] = message;
    good = false;
  }
};

Json first_line(const TrialKernel& kernel) {
  Json line;
  line["kernel"] = kernel.folder.string();
  line["status"] = kOk;
  line["message"] = "";
  for (const char* figure :
       {"seconds", "seconds_min", "spread", "samples", "cold_seconds", "yardstick_seconds", "max_error", "limit"})
    line[figure] = nullptr;
  return line;
}

/// A loaded kernel with memory for calls: NaN where it must not read results from, guards where it must not write.
class TrialRun {
 public:
  TrialRun(const TrialKernel& kernel, int index, const ConvProblem& problem, const TrialReference& reference,
           Executor& executor)
      : reference_(reference), layer_("trial", problem, reference.data.weights) {
    const std::string symbol = "trial_" + std::to_string(index);
    load_trial_kernel(kernel, kernel_problem(kernel.problem), symbol);
    layer_.force_kernel(symbol);
    const DataType dtype = problem.dtype;
    context_.executor = &executor;
    const std::size_t workspace_bytes = layer_.workspace_bytes(context_);
    workspace_ = std::make_unique<GuardedBuffer>(workspace_bytes);
    context_.workspace = {static_cast<std::byte*>(workspace_->data()), workspace_bytes};
    const Shape out_shape = output_shape(problem, 1);
    output_ = std::make_unique<GuardedBuffer>(reference.expected.values.size() * size_bytes(dtype));
    input_ = make_tensor(reference.data.input, input_shape(problem, 1), dtype);
    in_ = std::as_const(input_).view();
    out_ = dense_view(output_->data(), dtype, out_shape);
  }

  /// @throws std::runtime_error with the status's message.
  void operator()() {
    const Status status = layer_.run(context_, in_, out_);
    if (!status.ok()) throw std::runtime_error(status.message());
  }

  /// Judges what the last call left.
  void judge(Json& line) const {
    const auto wrong = [&](const std::string& message) {
      line["status"] = kWrongValue;
      line["message"] = message;
    };
    const Comparison result =
        compare(to_doubles(out_), reference_.expected.values, reference_.expected.limits, layer_.problem().dtype);
    line["max_error"] = result.max_error;
    line["limit"] = result.limit;
    if (!result.ok)
      wrong("element " + std::to_string(result.index) + " is beyond its limit");
    else if (!output_->intact())
      wrong("wrote outside the output");
    else if (!workspace_->intact())
      wrong("wrote outside the workspace");
  }

 private:
  const TrialReference& reference_;
  ConvLayer layer_;
  RunContext context_;
  std::unique_ptr<GuardedBuffer> workspace_, output_;
  Tensor input_;
  ConstTensorView in_;
  TensorView out_;
};

/// One call of trial mode.
class TrialSession {
 public:
  explicit TrialSession(const TrialOptions& options) : options_(options) {
    if (!options.report.empty()) {
      file_.open(options.report, std::ios::app);
      if (!file_) throw std::runtime_error(options.report.string() + ": cannot write the report");
    }
    for (const std::filesystem::path& folder : options.kernels) {
      TrialKernel kernel = read_trial_kernel(folder);
      if (!cases_.empty() && kernel.problem != cases_.front().kernel.problem)
        throw std::invalid_argument(folder.string() + ": a kernel of " + kernel.problem_text + "; the first is of " +
                                    cases_.front().kernel.problem_text);
      Json line = first_line(kernel);
      cases_.push_back({std::move(kernel), std::move(line)});
    }
    problem_ = cases_.front().kernel.problem;
    if (problem_.is_dynamic())
      problem_ = with_extents(
          problem_, problem_.dynamic_h() ? problem_.stages[0].window.KH_eff() + kDynamicExtent : problem_.IH,
          problem_.dynamic_w() ? problem_.stages[0].window.KW_eff() + kDynamicExtent : problem_.IW, "same");
    choose_cpu();
  }

  void run() {
    for (TrialCase& c : cases_) {
      const std::uint64_t missing = c.kernel.facts.required_features & ~detected_cpu_features();
      if (missing != 0) c.end(kNotRun, "this CPU lacks " + cpu_feature_names(missing));
    }
    if (std::any_of(cases_.begin(), cases_.end(), [](const TrialCase& c) { return c.good; }))
      reference_ = trial_reference(problem_, options_.reference,
                                   static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
    for (std::size_t i = 0; i < cases_.size(); ++i)
      if (cases_[i].good) check(i);
    // Each pass ends with all timings, or with one kernel less.
    while (std::any_of(cases_.begin(), cases_.end(), [](const TrialCase& c) { return c.good; }) && !time_pass()) {
    }
    for (const TrialCase& c : cases_) print(c.line);
  }

 private:
  ChildLimits limits() const { return {options_.time_limit, options_.memory_mb << 20}; }

  void check(std::size_t index) {
    TrialCase& c = cases_[index];
    const ChildResult result = run_in_child(limits(), [&](Progress& progress) {
      progress.enter(static_cast<int>(index));
      Json line = c.line;
      std::unique_ptr<Executor> executor;
      std::optional<TrialRun> run;
      try {
        executor = make_thread_pool(options_.threads);
        run.emplace(c.kernel, static_cast<int>(index), problem_, *reference_, *executor);
      } catch (const std::exception& error) {
        line["status"] = kBuildFailed;
        line["message"] = error.what();
        return line.dump();
      }
      (*run)();
      run->judge(line);
      return line.dump();
    });
    take(c, result, "");
  }

  /// The line that a child wrote, or what ended it.
  void take(TrialCase& c, const ChildResult& result, const std::string& when) {
    if (result.end != ChildResult::End::done) {
      c.end(status_of(result.end), when + result.message);
      return;
    }
    c.line = Json::parse(result.text);
    c.good = c.line["status"] == kOk;
  }

  /// Times all that are good. False when one of them turned out not to be.
  bool time_pass() {
    std::vector<std::size_t> good;
    for (std::size_t i = 0; i < cases_.size(); ++i)
      if (cases_[i].good) good.push_back(i);
    ChildLimits child_limits = limits();
    if (child_limits.memory_bytes != 0 && options_.cold) child_limits.memory_bytes += evict_bytes();
    const ChildResult result = run_in_child(child_limits, [&](Progress& progress) { return time(good, progress); });
    if (result.end != ChildResult::End::done) {
      take(cases_[good.at(static_cast<std::size_t>(result.item))], result, "while it was timed: ");
      return false;
    }
    const Json lines = Json::parse(result.text);
    bool all = true;
    for (std::size_t i = 0; i < good.size(); ++i) all = lines[i]["status"] == kOk && all;
    for (std::size_t i = 0; i < good.size(); ++i) {
      TrialCase& c = cases_[good[i]];
      // With one that is wrong, the others' figures may be too: they are timed again without it.
      if (!all && lines[i]["status"] == kOk) continue;
      c.line = lines[i];
      c.good = c.line["status"] == kOk;
    }
    return all;
  }

  /// In a child.
  std::string time(const std::vector<std::size_t>& good, Progress& progress) const {
    pin();
    const std::unique_ptr<Executor> executor = make_thread_pool(options_.threads);
    std::vector<std::unique_ptr<TrialRun>> runs;
    std::vector<std::function<void()>> calls;
    for (std::size_t i = 0; i < good.size(); ++i) {
      progress.enter(static_cast<int>(i));
      runs.push_back(std::make_unique<TrialRun>(cases_[good[i]].kernel, static_cast<int>(good[i]), problem_,
                                                *reference_, *executor));
      calls.emplace_back([run = runs.back().get()] { (*run)(); });
    }
    AlternationOptions alternation{options_.seconds,
                                   options_.max_seconds,
                                   options_.spread,
                                   options_.give_up_ratio,
                                   options_.yardstick && good.front() == 0,
                                   options_.cold ? evict_bytes() : 0};
    const std::vector<AlternatedTiming> timings =
        time_in_alternation(calls, alternation, [&](int item) { progress.enter(item); });
    Json lines = Json::array();
    for (std::size_t i = 0; i < good.size(); ++i) {
      progress.enter(static_cast<int>(i));
      Json line = cases_[good[i]].line;
      fill(line, timings[i], alternation);
      runs[i]->judge(line);
      if (line["status"] != kOk) line["message"] = "after it was timed: " + line["message"].get<std::string>();
      lines.push_back(line);
    }
    return lines.dump();
  }

  void fill(Json& line, const AlternatedTiming& timing, const AlternationOptions& alternation) const {
    line["seconds"] = timing.time.median;
    line["seconds_min"] = timing.time.min;
    line["spread"] = timing.time.spread;
    line["samples"] = timing.samples;
    if (alternation.yardstick) line["yardstick_seconds"] = timing.yardstick_seconds;
    if (timing.cold_seconds > 0) line["cold_seconds"] = timing.cold_seconds;
    if (!timing.gave_up) return;
    char ratio[32];
    std::snprintf(ratio, sizeof ratio, "%.3g", timing.ratio);
    line["message"] = "given up after " + std::to_string(timing.samples) + " samples: at best " + ratio +
                      " times as slow as the yardstick";
  }

  /// The CPU to time on must be one of those that the process may use.
  void choose_cpu() {
#ifdef __linux__
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    if (options_.cpu >= 0 && (options_.cpu >= CPU_SETSIZE || !CPU_ISSET(options_.cpu, &allowed)))
      throw std::invalid_argument("--cpu " + std::to_string(options_.cpu) +
                                  ": this process is not allowed to use that CPU");
    cpu_ = options_.cpu;
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0 && cpu_ < 0; --cpu)
      if (CPU_ISSET(cpu, &allowed)) cpu_ = cpu;
#endif
  }

  void pin() const {
    if (options_.threads == 1) pin_to_core(cpu_);
    ::setpriority(PRIO_PROCESS, 0, -10);  // only the superuser may; without it there is just more noise
  }

  void print(const Json& line) {
    std::ostream& out = file_.is_open() ? file_ : std::cout;
    out << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    if (!out) throw std::runtime_error("cannot write the report");
  }

  const TrialOptions& options_;
  std::ofstream file_;
  std::vector<TrialCase> cases_;
  ConvProblem problem_;  // with static extents
  std::optional<TrialReference> reference_;
  int cpu_ = -1;
};

}  // namespace

int run_trial(const TrialOptions& options) {
  TrialSession(options).run();
  return 0;
}

}  // namespace sepconv::runner
