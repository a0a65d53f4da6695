#include "tools/runner_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "generators/compile/compile_library.h"
#include "generators/compile/process.h"

namespace sepconv::tools {
namespace {

using nlohmann::json;

std::string text_of(const json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_string() ? found->get<std::string>() : "";
}

/// JSON has no NaN; the runner's is null.
double number_of(const json& line, const char* key) {
  const auto found = line.find(key);
  return found != line.end() && found->is_number() ? found->get<double>() : std::numeric_limits<double>::quiet_NaN();
}

RunnerCase case_of(const json& line) {
  return {text_of(line, "name"),    text_of(line, "layer"),       text_of(line, "kernel"),
          text_of(line, "target"),  text_of(line, "schedule"),    text_of(line, "status"),
          text_of(line, "message"), number_of(line, "max_error"), number_of(line, "limit")};
}

/// What a report says: the finished cases, and the one that was started last and did not finish.
struct Report {
  std::vector<RunnerCase> finished;
  std::optional<RunnerCase> open;
};

Report read_report(const std::filesystem::path& path) {
  Report report;
  std::ifstream file(path);
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text, nullptr, false);
    if (line.is_discarded()) break;  // cut off by a crash
    RunnerCase c = case_of(line);
    if (c.status == "started") {
      report.open = std::move(c);
    } else {
      report.open.reset();
      report.finished.push_back(std::move(c));
    }
  }
  return report;
}

}  // namespace

std::vector<RunnerCase> run_cases(const RunnerRequest& request) {
  std::vector<RunnerCase> cases;
  std::vector<std::string> remaining = request.layers;
  while (!remaining.empty()) {
    std::vector<std::string> argv = request.runner;
    argv.insert(argv.end(), {request.mode, request.library.string(), request.weights.string(), "--report",
                             request.report.string()});
    for (const std::string& layer : remaining) argv.push_back("--layer=" + layer);  // a name may begin with '-'
    argv.insert(argv.end(), request.arguments.begin(), request.arguments.end());
    std::filesystem::remove(request.report);
    const generators::ProcessLimits limits{request.seconds, request.cancelled};
    const generators::ProcessResult result = run_process(argv, limits);
    if (result.end == generators::ProcessResult::End::cancelled) throw generators::CompileCancelled();
    Report report = read_report(request.report);
    std::set<std::string> done;
    for (RunnerCase& c : report.finished) {
      done.insert(c.layer);
      cases.push_back(std::move(c));
    }
    const bool complete = std::all_of(remaining.begin(), remaining.end(),
                                      [&](const std::string& layer) { return done.count(layer) != 0; });
    if (result.end == generators::ProcessResult::End::exited && result.code <= 1 && !report.open && complete)
      return cases;
    if (!report.open)
      throw std::runtime_error(fmt::format("{}: {} before all layers were done: {}", request.runner.back(),
                                           end_text(result, limits),
                                           generators::last_line(result.output, "sepconv-runner")));
    RunnerCase crashed = std::move(*report.open);
    done.insert(crashed.layer);
    crashed.status = "error";
    crashed.message = "the kernel's process: " + end_text(result, limits);
    cases.push_back(std::move(crashed));
    const std::size_t before = remaining.size();
    std::erase_if(remaining, [&](const std::string& layer) { return done.count(layer) != 0; });
    if (remaining.size() == before)
      throw std::runtime_error("sepconv-runner reported only layers that were not requested");
  }
  return cases;
}

std::vector<std::string> words(const std::string& text, const char* option) {
  std::istringstream stream(text);
  std::vector<std::string> result;
  for (std::string word; stream >> word;) result.push_back(word);
  if (result.empty()) throw std::invalid_argument(fmt::format("{}: expected a command, received '{}'", option, text));
  return result;
}

}  // namespace sepconv::tools
