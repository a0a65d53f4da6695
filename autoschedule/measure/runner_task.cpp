#include "autoschedule/measure/runner_task.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace sepconv::autoschedule {
namespace {

/// Null, as JSON has no NaN, or left out, where a figure is not there.
double number_or(const nlohmann::json& line, const char* field, double otherwise) {
  const auto value = line.find(field);
  return value == line.end() || value->is_null() ? otherwise : value->get<double>();
}

void fill(Trial& trial, const nlohmann::json& line) {
  trial.status = trial_status_from_text(line.at("status").get<std::string>());
  trial.message = line.at("message").get<std::string>();
  trial.seconds = number_or(line, "seconds", 0);
  trial.seconds_min = number_or(line, "seconds_min", 0);
  trial.spread = number_or(line, "spread", 0);
  trial.samples = static_cast<int>(number_or(line, "samples", 0));
  trial.cold_seconds = number_or(line, "cold_seconds", 0);
  trial.yardstick_seconds = number_or(line, "yardstick_seconds", 0);
  trial.max_error = number_or(line, "max_error", 0);
  trial.limit = number_or(line, "limit", 0);
}

}  // namespace

std::vector<std::string> runner_arguments(const std::vector<std::filesystem::path>& kernels, bool yardstick,
                                          const TimingOptions& timing, const RunnerSettings& settings) {
  std::vector<std::string> words = {"trial"};
  for (const std::filesystem::path& kernel : kernels) words.insert(words.end(), {"--kernel", kernel.string()});
  const auto add = [&](const char* option, const auto& value) {
    words.insert(words.end(), {option, fmt::format("{}", value)});
  };
  if (!yardstick) words.emplace_back("--no-yardstick");
  add("--seconds", timing.seconds);
  add("--max-seconds", timing.max_seconds);
  add("--spread", timing.spread);
  add("--give-up-ratio", timing.give_up_ratio);
  add("--threads", timing.threads);
  if (timing.cold) words.emplace_back("--cold");
  if (settings.cpu >= 0) add("--cpu", settings.cpu);
  add("--time-limit", settings.call_seconds);
  add("--memory-mb", settings.memory_bytes >> 20);
  if (!settings.reference.empty()) add("--reference", settings.reference.string());
  if (!settings.report.empty()) add("--report", settings.report.string());
  return words;
}

double runner_seconds(std::size_t kernels, const TimingOptions& timing, const RunnerSettings& settings) {
  // Each kernel may hang once in its check and once while it is timed, after which the others are timed anew; warming
  // up takes as long as measuring, single calls out of the caches as long again.
  const double n = static_cast<double>(kernels);
  return 2 * n * settings.call_seconds + 2 * n * (n + 1) * (timing.max_seconds + timing.seconds);
}

std::size_t read_report(const std::string& report, const std::vector<std::filesystem::path>& kernels,
                        const std::vector<Trial*>& trials) {
  std::istringstream lines(report);
  std::size_t count = 0;
  for (std::string text; count < trials.size() && std::getline(lines, text); ++count) {
    try {
      const nlohmann::json line = nlohmann::json::parse(text);
      if (line.at("kernel").get<std::string>() != kernels[count].string())
        throw std::runtime_error("it is about another kernel");
      fill(*trials[count], line);
    } catch (const std::exception& error) {
      throw std::runtime_error(
          fmt::format("the runner's report has a line that cannot be read: {}: {}", text, error.what()));
    }
  }
  return count;
}

Trial trial_from_line(const Candidate& candidate, const std::string& line) {
  Trial trial;
  trial.candidate = candidate;
  try {
    const nlohmann::json json = nlohmann::json::parse(line);
    trial.build_seconds = number_or(json, "build_seconds", 0);
    fill(trial, json);
  } catch (const std::exception& error) {
    throw std::runtime_error(fmt::format("a line about a trial cannot be read: {}: {}", line, error.what()));
  }
  return trial;
}

}  // namespace sepconv::autoschedule
