#include "autoschedule/measure/local_executor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <tuple>

#include "autoschedule/measure/machine.h"
#include "autoschedule/measure/runner_task.h"
#include "generators/compile/files.h"
#include "generators/compile/process.h"

namespace sepconv::autoschedule {
namespace {

namespace fs = std::filesystem;

bool before(const Candidate& a, const Candidate& b) {
  return std::tie(a.problem, a.target, a.schedule) < std::tie(b.problem, b.target, b.schedule);
}

/// A file name of this process that is removed with the object.
class ReportFile {
 public:
  explicit ReportFile(const fs::path& folder) {
    static std::atomic<unsigned> counter{0};
    path_ = folder / fmt::format("report-{}-{}.jsonl", ::getpid(), counter++);
    remove();
  }
  ~ReportFile() { remove(); }
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;
  const fs::path& path() const { return path_; }
  /// Empty when the runner wrote none.
  std::string text() const { return fs::exists(path_) ? generators::read_file(path_) : std::string(); }

 private:
  void remove() const {
    std::error_code error;
    fs::remove(path_, error);
  }
  fs::path path_;
};

/// Builds each candidate once, several at a time.
class Builds {
 public:
  Builds(const std::vector<TrialTask>& tasks, std::function<BuiltCandidate(const Candidate&)> build)
      : build_(std::move(build)), built_(before) {
    for (const TrialTask& task : tasks)
      for (const Candidate& candidate : task.candidates)
        if (built_.try_emplace(candidate).second) order_.push_back(candidate);
  }

  /// @throws what the first build that threw did; the others are not started then.
  void run(int jobs, const std::atomic<bool>* cancelled) {
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    const std::size_t count = std::min(order_.size(), jobs > 0 ? static_cast<std::size_t>(jobs) : cores);
    {
      std::vector<std::jthread> workers;
      for (std::size_t i = 0; i < count; ++i) workers.emplace_back([this, cancelled] { work(cancelled); });
    }
    if (error_) std::rethrow_exception(error_);
  }

  const BuiltCandidate& of(const Candidate& candidate) const { return built_.at(candidate); }

 private:
  void work(const std::atomic<bool>* cancelled) {
    for (std::size_t next = next_++; next < order_.size() && !stop_; next = next_++) {
      if (cancelled != nullptr && cancelled->load()) return;
      try {
        built_.at(order_[next]) = build_(order_[next]);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
        stop_ = true;
      }
    }
  }

  std::function<BuiltCandidate(const Candidate&)> build_;
  std::map<Candidate, BuiltCandidate, decltype(&before)> built_;  // all keys are there before the workers start
  std::vector<Candidate> order_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace

LocalExecutor::LocalExecutor(LocalOptions options) : options_(std::move(options)) {
  std::error_code error;
  if (options_.runner.empty()) throw std::runtime_error("no runner given; trials need the program sepconv-runner");
  const std::string& runner = options_.runner.back();
  if (runner.find('/') != std::string::npos && !fs::is_regular_file(runner, error))
    throw std::runtime_error(fmt::format("the runner '{}' does not exist", runner));
  if (!options_.build) {
    if (::access(options_.generator.c_str(), X_OK) != 0 || fs::is_directory(options_.generator, error))
      throw std::runtime_error(
          fmt::format("the kernel compiler '{}' does not exist or cannot be run", options_.generator.string()));
    remove_forgotten_builds(options_.work / "kernels");
    options_.build = [this](const Candidate& candidate) {
      return build_candidate(candidate, {options_.generator, options_.work / "kernels", options_.build_seconds,
                                         options_.build_memory_bytes, options_.cancelled, options_.cache_dir});
    };
  }
  fs::create_directories(options_.work / "references", error);
  if (error)
    throw std::runtime_error(
        fmt::format("cannot make the work folder '{}': {}", options_.work.string(), error.message()));
}

void LocalExecutor::run(const std::vector<TrialTask>& tasks,
                        const std::function<void(std::size_t, std::vector<Trial>)>& done) {
  // Nothing is timed while compilers run.
  Builds builds(tasks, options_.build);
  builds.run(options_.jobs, options_.cancelled);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (is_cancelled()) throw TuneCancelled();
    std::vector<const BuiltCandidate*> built;
    for (const Candidate& candidate : tasks[i].candidates) built.push_back(&builds.of(candidate));
    done(i, measure(tasks[i], built));
  }
  if (is_cancelled()) throw TuneCancelled();
}

std::vector<Trial> LocalExecutor::measure(const TrialTask& task,
                                          const std::vector<const BuiltCandidate*>& built) const {
  std::vector<Trial> trials(task.candidates.size());
  std::vector<Trial*> runnable;
  std::vector<fs::path> kernels;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    trials[i].candidate = task.candidates[i];
    trials[i].build_seconds = built[i]->seconds;
    trials[i].status = built[i]->status;
    trials[i].message = built[i]->message;
    if (built[i]->status != TrialStatus::ok) continue;
    runnable.push_back(&trials[i]);
    kernels.push_back(built[i]->folder);
  }
  if (kernels.empty()) return trials;

  const ReportFile report(options_.work);
  const fs::path reference =
      options_.work / "references" / (generators::content_hash(task.candidates.front().problem) + ".ref");
  const RunnerSettings settings{options_.call_seconds, options_.run_memory_bytes, options_.cpu, reference,
                                report.path()};
  std::vector<std::string> argv = options_.runner;
  const bool yardstick = runnable.front() == &trials.front();
  for (std::string& word : runner_arguments(kernels, yardstick, task.timing, settings)) argv.push_back(std::move(word));
  const generators::ProcessLimits limits{
      options_.runner_seconds + runner_seconds(kernels.size(), task.timing, settings), options_.cancelled};
  const generators::ProcessResult result = run_process(argv, limits);
  if (result.end == generators::ProcessResult::End::cancelled) throw TuneCancelled();

  std::size_t reported = 0;
  std::string why = fmt::format("the runner: {}\n{}", end_text(result, limits), message_of_output(result.output));
  try {
    reported = read_report(report.text(), kernels, runnable);
  } catch (const std::runtime_error& error) {
    why = error.what();
  }
  for (std::size_t i = reported; i < runnable.size(); ++i) {
    Trial fresh;
    fresh.candidate = runnable[i]->candidate;
    fresh.build_seconds = runnable[i]->build_seconds;
    fresh.status =
        result.end == generators::ProcessResult::End::timed_out ? TrialStatus::run_timeout : TrialStatus::lost;
    fresh.message = message_of_output(why);
    *runnable[i] = fresh;
  }
  return trials;
}

std::string LocalExecutor::machine() const {
  std::string text = to_text(this_machine());
  if (options_.runner.size() > 1)
    text += "; kernels run under " + fs::path(options_.runner.front()).filename().string();
  return text;
}

}  // namespace sepconv::autoschedule
