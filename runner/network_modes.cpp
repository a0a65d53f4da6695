// The runner's modes for whole networks.

#include <algorithm>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "runner/line_printer.h"
#include "runner/network_check.h"
#include "runner/network_io.h"
#include "runner/network_run.h"
#include "runner/npy.h"
#include "runner/runner_options.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/layer.h"

namespace sepconv::runner {
namespace {

/// The network of the weights file, with the kernels of the options' target.
Network loaded_network(const RunnerOptions& options) {
  load_kernel_library(options.library);
  Network network = load_network(options.weights);
  if (!options.target.empty()) network.force_kernel(options.target);
  return network;
}

void check_count(const char* option, const char* what, const std::vector<std::filesystem::path>& paths,
                 const std::vector<NetworkTensorInfo>& ports) {
  if (paths.size() == ports.size()) return;
  std::string known;
  for (const NetworkTensorInfo& port : ports) known += (known.empty() ? "" : "; ") + port_text(port);
  throw std::invalid_argument(std::string(option) + ": " + std::to_string(paths.size()) + " files; the network has " +
                              std::to_string(ports.size()) + " " + what + ": " + known);
}

/// The values of a file for each port, and the batch, which must be the same for all.
PortValues read_ports(const std::vector<std::filesystem::path>& paths, const std::vector<NetworkTensorInfo>& ports,
                      bool exact_type, std::int64_t& batch) {
  PortValues values;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const NpyArray array = read_npy(paths[i]);
    join_batch(checked_batch(ports[i], array, paths[i].string(), exact_type), paths[i].string() + ":", batch);
    values.push_back(values_of(ports[i], array));
  }
  return values;
}

/// What the CPU lacks for a target's kernels of the network; empty if it lacks nothing.
std::string cannot_run(const NetworkPlan& plan, const std::string& target) {
  std::uint64_t missing = 0;
  for (const NetworkStep& step : plan.steps)
    for (const RegisteredKernel& registered : registered_kernels())
      if (registered.kernel->target == target &&
          mismatch_reason(registered.problem, kernel_problem(step.problem)).empty())
        missing |= registered.kernel->required_features & ~detected_cpu_features();
  return missing == 0 ? "" : "CPU lacks " + cpu_feature_names(missing);
}

/// A network and what it must compute.
struct NetworkCase {
  WeightsFile file;
  PortValues inputs;
  std::int64_t batch = -1;
  NetworkValues expected;  // in double
  PortValues given;        // outputs from files; empty: those in double
};

NetworkCase network_case(const RunnerOptions& options, int threads) {
  NetworkCase result;
  result.file = load_weights_file(options.weights);
  if (!result.file.network)
    throw std::invalid_argument(options.weights.string() + ": holds no network; compile with --network");
  const NetworkPlan& plan = *result.file.network;
  const std::vector<NetworkTensorInfo> inputs = network_inputs(plan), outputs = network_outputs(plan);
  if (options.inputs.empty()) {
    result.batch = options.batch;
    for (std::size_t i = 0; i < inputs.size(); ++i)
      result.inputs.push_back(seeded_values(inputs[i], options.batch, options.seed + i));
  } else {
    check_count("--input", "inputs", options.inputs, inputs);
    check_count("--expected", "outputs", options.expected, outputs);
    result.inputs = read_ports(options.inputs, inputs, true, result.batch);
    result.given = read_ports(options.expected, outputs, false, result.batch);
  }
  result.expected = network_reference(plan, result.file.network_layers, result.batch, result.inputs, threads);
  return result;
}

/// JSON has no infinity and no NaN: null.
void put_comparison(Json& line, const Comparison& comparison) {
  line["max_error"] = comparison.max_error;
  line["limit"] = comparison.limit;
}

/// A line for the step whose result departs first, if one does.
void describe_miss(Json& line, const NetworkCheck& check) {
  const StepCheck* step = check.first_miss();
  if (step == nullptr) return;
  const Comparison& worst = step->own.ok ? step->chain : step->own;
  line["step"] = step->layer;
  line["step_number"] = step - check.steps().data();
  line["step_own"] = !step->own.ok;  // else it departs from the network in double, as its inputs may have
  line["step_max_error"] = worst.max_error;
  line["step_limit"] = worst.limit;
  line["step_largest"] = step->largest;
}

/// Compares the outputs, and completes the line. @return whether all are within their limits.
bool judge_outputs(Json& line, const NetworkCase& data, const NetworkCall& call, const NetworkCheck& check) {
  const NetworkPlan& plan = *data.file.network;
  const PortValues actual = call.outputs();
  const std::vector<NetworkTensorInfo> ports = network_outputs(plan);
  bool ok = true;
  double worst = -1;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::vector<double> expected = data.given.empty() ? data.expected.of(plan, plan.outputs[i]) : data.given[i];
    double largest = 0;
    const Comparison result = compare_relative(actual[i], expected, relative_limit(ports[i].dtype, plan.steps.size()),
                                               ports[i].dtype, &largest);
    ok = ok && result.ok;
    const double share =
        result.ok ? result.max_error / std::max(result.limit, 1e-300) : std::numeric_limits<double>::infinity();
    if (share <= worst) continue;
    worst = share;
    put_comparison(line, result);
    line["largest"] = largest;
    line["output"] = ports[i].name;
  }
  describe_miss(line, check);
  return ok && check.first_miss() == nullptr;
}

/// Runs and checks the network, and completes its line. @return the exit status.
int judge_network(const RunnerOptions& options, LinePrinter& printer, Json& line) {
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const NetworkCase data = network_case(options, threads);
  const NetworkPlan& plan = *data.file.network;
  line["steps"] = plan.steps.size();
  line["batch"] = data.batch;
  load_kernel_library(options.library);
  Network network(plan, data.file.network_layers);
  if (const std::string why = cannot_run(plan, options.target); !why.empty()) {
    finish_line(line, "not_run", why);
    return 0;
  }
  if (!options.target.empty()) network.force_kernel(options.target);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  NetworkCall call(network, *executor, data.batch, data.inputs);
  NetworkCheck check(plan, data.file.network_layers, data.expected, call, threads);
  check.started = [&](std::size_t step) {
    line["step"] = plan.steps[step].layer;
    printer.start(line);
    line.erase("step");
  };
  if (const std::string fault = check.run(); !fault.empty()) {
    finish_line(line, "error", fault);
    return 1;
  }
  const bool ok = judge_outputs(line, data, call, check);
  finish_line(line, ok ? "ok" : "miss");
  return ok ? 0 : 1;
}

}  // namespace

int run_check_network(const RunnerOptions& options) {
  LinePrinter printer(options.report);
  Json line = {{"name", "network"}, {"target", options.target}};
  const int status = judge_network(options, printer, line);
  printer.print(line);
  return status;
}

int run_predict(const RunnerOptions& options) {
  const Network network = loaded_network(options);
  check_count("--input", "inputs", options.inputs, network.inputs());
  check_count("--output", "outputs", options.outputs, network.outputs());
  std::int64_t batch = -1;
  const PortValues inputs = read_ports(options.inputs, network.inputs(), true, batch);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  NetworkCall call(network, *executor, batch, inputs);
  if (const std::string fault = call.run(); !fault.empty()) throw std::runtime_error(fault);
  const PortValues outputs = call.outputs();
  Json line;
  line["batch"] = batch;
  line["steps"] = network.steps().size();
  const CompiledKernel* first = network.layer(0).kernel();
  line["target"] = first == nullptr ? Json() : Json(first->target);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const NetworkTensorInfo& port = network.outputs()[i];
    const Shape shape = keras_shape(port, batch);
    write_npy(options.outputs[i], npy_from_values(outputs[i], shape, port.dtype));
    line["outputs"].push_back({{"name", port.name}, {"shape", shape}, {"file", options.outputs[i].string()}});
  }
  finish_line(line, "ok");
  LinePrinter({}).print(line);
  return 0;
}

}  // namespace sepconv::runner
