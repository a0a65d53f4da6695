#include "tools/verify_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "generators/compile/compile_library.h"
#include "generators/compile/process.h"
#include "runner/network_io.h"
#include "runner/npz.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/network_words.h"
#include "tools/predict.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

template <class T>
T value_of(const json& line, const char* key, T otherwise) {
  const auto found = line.find(key);
  return found == line.end() || found->is_null() ? otherwise : found->get<T>();
}

NetworkResult result_of(const json& line) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();  // JSON has none; the runner's is null
  NetworkResult result;
  result.status = value_of<std::string>(line, "status", "");
  result.message = value_of<std::string>(line, "message", "");
  result.output = value_of<std::string>(line, "output", "");
  result.max_error = value_of(line, "max_error", kNan);
  result.limit = value_of(line, "limit", kNan);
  result.largest = value_of(line, "largest", kNan);
  result.steps = value_of<std::int64_t>(line, "steps", 0);
  result.step = value_of<std::string>(line, "step", "");
  result.step_number = value_of<std::int64_t>(line, "step_number", 0);
  result.step_own = value_of(line, "step_own", false);
  result.step_max_error = value_of(line, "step_max_error", kNan);
  result.step_limit = value_of(line, "step_limit", kNan);
  return result;
}

/// The last line of the report; without a status if there is none.
NetworkResult last_result(const fs::path& report) {
  NetworkResult last;
  std::ifstream file(report);
  for (std::string text; std::getline(file, text);) {
    const json line = json::parse(text, nullptr, false);
    if (line.is_discarded() || !line.is_object()) break;  // cut off by a crash
    last = result_of(line);
  }
  return last;
}

}  // namespace

NetworkFiles network_files(const NetworkPlan& network, const fs::path& npz, const fs::path& scratch) {
  const std::vector<NetworkTensorInfo> inputs = runner::network_inputs(network),
                                       outputs = runner::network_outputs(network);
  const bool only = inputs.size() == 1 && outputs.size() == 1;
  const std::map<std::string, runner::NpyArray> arrays = runner::read_npz(npz);
  std::vector<const runner::NpyArray*> used;
  std::int64_t batch = -1;
  const auto take = [&](const std::vector<NetworkTensorInfo>& ports, const char* one, bool exact_type) {
    std::vector<fs::path> files;
    for (const NetworkTensorInfo& port : ports) {
      const runner::NpyArray& array = array_of(arrays, port, only, one, npz.string());
      runner::join_batch(runner::checked_batch(port, array, npz.string(), exact_type),
                         fmt::format("{}: '{}'", npz.string(), port.name), batch);
      used.push_back(&array);
      files.push_back(scratch / fmt::format("{}{}.npy", one, files.size()));
      runner::write_npy(files.back(), array);
    }
    return files;
  };
  NetworkFiles files{take(inputs, "x", true), take(outputs, "y", false)};
  for (const auto& [name, array] : arrays)
    if (std::find(used.begin(), used.end(), &array) == used.end())
      throw std::invalid_argument(fmt::format("{}: no input or output is named '{}'; expected {}; {}", npz.string(),
                                              name, ports_text(inputs), ports_text(outputs)));
  return files;
}

NetworkResult check_network(const NetworkRequest& request) {
  std::vector<std::string> argv = request.runner;
  argv.insert(argv.end(), {"check-network", request.library.string(), request.weights.string(), "--report",
                           request.report.string(), "--batch", "2", "--target", request.target});
  for (const fs::path& file : request.files.inputs) argv.push_back("--input=" + file.string());
  for (const fs::path& file : request.files.expected) argv.push_back("--expected=" + file.string());
  fs::remove(request.report);
  const generators::ProcessLimits limits{request.seconds, request.cancelled};
  const generators::ProcessResult ran = run_process(argv, limits);
  using End = generators::ProcessResult::End;
  if (ran.end == End::cancelled) throw generators::CompileCancelled();
  NetworkResult result = last_result(request.report);
  const bool started = result.status == "started";
  if (ran.end == End::exited && ran.code <= kCheckFailed && !started && !result.status.empty()) return result;
  const std::string message = generators::last_line(ran.output, "sepconv-runner");
  if (ran.end == End::exited && ran.code == kWrongUse) throw std::invalid_argument(message);
  if (!started)
    throw std::runtime_error(
        fmt::format("{}: {} before the network was done: {}", request.runner.back(), end_text(ran, limits), message));
  result.status = "error";
  result.message = fmt::format("in step '{}': the kernel's process: {}", result.step, end_text(ran, limits));
  return result;
}

void print_network(const NetworkResult& result, const std::string& target, std::size_t name_width) {
  if (result.status != "ok" && result.status != "miss") {
    const bool not_run = result.status == "not_run";
    print_out("{}  {:<{}}  {:<14}  {}\n", not_run ? "not run" : "FAIL ", "network", name_width, target, result.message);
    return;
  }
  print_out("{}  {:<{}}  {:<14}  max error {:8.2e}  limit {:8.2e}  {}, output '{}' up to {:.3g}\n",
            result.status == "ok" ? "ok   " : "MISS ", "network", name_width, target, result.max_error, result.limit,
            count_words(result.steps, "step"), result.output, result.largest);
  if (result.status != "miss") return;
  if (result.step.empty())
    print_out("       all steps compute what the model says; the given outputs are others\n");
  else
    print_out("       step {} of {}, '{}', departs first: max error {:.2e}, limit {:.2e}{}\n", result.step_number + 1,
              result.steps, result.step, result.step_max_error, result.step_limit,
              result.step_own ? ", from its own inputs" : "; from its own inputs it is right");
}

}  // namespace sepconv::tools
