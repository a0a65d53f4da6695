#include "autoschedule/fleet/fleet_executor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "autoschedule/measure/runner_task.h"
#include "generators/compile/files.h"
#include "generators/compile/process.h"

namespace sepconv::autoschedule {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kDescribeSeconds = 60;
constexpr const char* kProgram = "fleet";  // before its messages

/// A file of this process that goes away with the object.
class WorkFile {
 public:
  WorkFile(const fs::path& folder, const char* ending) {
    static std::atomic<unsigned> counter{0};
    path_ = folder / fmt::format("fleet-{}-{}{}", ::getpid(), counter++, ending);
  }
  ~WorkFile() {
    std::error_code error;
    fs::remove(path_, error);
  }
  WorkFile(const WorkFile&) = delete;
  WorkFile& operator=(const WorkFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The whole lines of a growing file, each once.
class LineReader {
 public:
  explicit LineReader(fs::path path) : path_(std::move(path)) {}
  std::vector<std::string> next() {
    std::vector<std::string> lines;
    std::ifstream file(path_, std::ios::binary);
    if (!file || !file.seekg(offset_)) return lines;
    for (std::string line; std::getline(file, line) && !file.eof();) {
      offset_ += static_cast<std::streamoff>(line.size()) + 1;
      lines.push_back(std::move(line));
    }
    return lines;
  }

 private:
  fs::path path_;
  std::streamoff offset_ = 0;
};

/// Stops the program that runs beside this thread, when this thread leaves.
class StopAtEnd {
 public:
  explicit StopAtEnd(std::atomic<bool>& stop) : stop_(stop) {}
  ~StopAtEnd() { stop_ = true; }
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;

 private:
  std::atomic<bool>& stop_;
};

Json to_json(const TrialTask& task, const FleetOptions& options) {
  Json json;
  for (const Candidate& candidate : task.candidates)
    json["candidates"].push_back(
        {{"problem", candidate.problem}, {"target", candidate.target}, {"schedule", candidate.schedule}});
  RunnerSettings settings;
  settings.call_seconds = options.call_seconds;
  settings.memory_bytes = options.run_memory_bytes;
  json["arguments"] = runner_arguments({}, true, task.timing, settings);
  // And time to begin in: the exact result of a large problem is computed in double.
  json["seconds"] = 6 * options.call_seconds + runner_seconds(task.candidates.size(), task.timing, settings);
  return json;
}

}  // namespace

FleetExecutor::FleetExecutor(FleetOptions options) : options_(std::move(options)) {
  const std::vector<std::string> argv = {options_.python,  options_.script.string(), "describe",
                                         "--scheduler",    options_.scheduler,       "--resource",
                                         options_.resource};
  const generators::ProcessLimits limits{kDescribeSeconds, options_.cancelled};
  const generators::ProcessResult result = run_process(argv, limits);
  if (result.end == generators::ProcessResult::End::cancelled) throw TuneCancelled();
  if (!result.ok())
    throw std::runtime_error(
        fmt::format("--scheduler {}: {}", options_.scheduler,
                    result.output.empty() ? end_text(result, limits) : generators::last_line(result.output, kProgram)));
  machine_ = "cluster: " + generators::last_line(result.output, kProgram);
  std::error_code error;
  fs::create_directories(options_.work, error);
  if (error)
    throw std::runtime_error(
        fmt::format("cannot make the work folder '{}': {}", options_.work.string(), error.message()));
}

void FleetExecutor::run(const std::vector<TrialTask>& tasks,
                        const std::function<void(std::size_t, std::vector<Trial>)>& done) {
  Json work;
  work["resource"] = options_.resource;
  work["limits"] = {{"build_seconds", options_.build_seconds}, {"build_memory_mb", options_.build_memory_bytes >> 20}};
  work["tasks"] = Json::array();
  double seconds = options_.idle_seconds;
  for (const TrialTask& task : tasks) {
    work["tasks"].push_back(to_json(task, options_));
    seconds += double(work["tasks"].back()["seconds"]) + options_.build_seconds * double(task.candidates.size());
  }
  work["seconds"] = seconds;
  const WorkFile file(options_.work, ".json"), report(options_.work, ".jsonl");
  generators::write_file(file.path(), work.dump());

  const std::vector<std::string> argv = {
      options_.python, options_.script.string(), "run",      "--scheduler",         options_.scheduler,
      "--tasks",       file.path().string(),     "--report", report.path().string()};
  std::atomic<bool> stop{false};  // set when options_.cancelled is, and when `done` throws
  const generators::ProcessLimits limits{seconds + kDescribeSeconds, &stop};
  auto process = std::async(std::launch::async, [&] { return run_process(argv, limits); });
  const StopAtEnd stop_at_end(stop);  // before the future's destructor waits for the process
  std::vector<bool> answered(tasks.size(), false);
  LineReader lines(report.path());
  const auto answer = [&] {
    for (const std::string& text : lines.next()) {
      const Json line = Json::parse(text);
      const std::size_t task = line.at("task").get<std::size_t>();
      std::vector<Trial> trials;
      for (std::size_t i = 0; i < tasks.at(task).candidates.size(); ++i)
        trials.push_back(trial_from_line(tasks[task].candidates[i], line.at("trials").at(i).dump()));
      answered.at(task) = true;
      done(task, std::move(trials));
    }
  };
  while (process.wait_for(std::chrono::milliseconds(50)) != std::future_status::ready) {
    if (options_.cancelled != nullptr && options_.cancelled->load()) stop = true;
    answer();
  }
  const generators::ProcessResult result = process.get();
  answer();
  if (result.end == generators::ProcessResult::End::cancelled) throw TuneCancelled();
  if (!result.ok() && std::find(answered.begin(), answered.end(), true) == answered.end())
    throw std::runtime_error(
        fmt::format("--scheduler {}: {}", options_.scheduler,
                    result.output.empty() ? end_text(result, limits) : generators::last_line(result.output, kProgram)));
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    if (answered[task]) continue;
    std::vector<Trial> trials(tasks[task].candidates.size());
    for (std::size_t i = 0; i < trials.size(); ++i) {
      trials[i].candidate = tasks[task].candidates[i];
      trials[i].message = "the connection to the cluster ended: " + end_text(result, limits);
    }
    done(task, std::move(trials));
  }
}

}  // namespace sepconv::autoschedule
