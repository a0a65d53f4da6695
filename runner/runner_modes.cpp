#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "runner/compare.h"
#include "runner/layer_run.h"
#include "runner/line_printer.h"
#include "runner/npy.h"
#include "runner/peak.h"
#include "runner/reference.h"
#include "runner/runner_options.h"
#include "runner/seeded.h"
#include "runner/timing.h"
#include "runtime/core/cpu_features.h"
#include "sepconv/executor.h"
#include "sepconv/kernel_registry.h"
#include "sepconv/weights_file.h"

namespace sepconv::runner {
namespace {

/// The layers of the weights file that were asked for, in the file's order.
std::vector<NamedWeights> wanted_layers(const RunnerOptions& options) {
  std::vector<NamedWeights> layers = load_weights(options.weights);
  if (layers.empty())
    throw std::invalid_argument(options.weights.string() +
                                ": holds no weights; compile a model that has them, or pass --weights");
  for (const std::string& name : options.layers)
    if (std::none_of(layers.begin(), layers.end(), [&](const NamedWeights& layer) { return layer.name == name; })) {
      std::string known;
      for (const NamedWeights& layer : layers) known += (known.empty() ? "" : ", ") + layer.name;
      throw std::invalid_argument(options.weights.string() + ": has no layer '" + name + "'; it has " + known);
    }
  if (!options.layers.empty())
    std::erase_if(layers, [&](const NamedWeights& layer) {
      return std::find(options.layers.begin(), options.layers.end(), layer.name) == options.layers.end();
    });
  return layers;
}

/// A layer bound to one kernel, or why there is none.
struct BoundLayer {
  ConvLayer layer;
  Json line;            // name, kernel, target, schedule, problem
  std::string not_run;  // the CPU cannot run the kernel
  std::string error;    // there is no kernel
};

Json line_of(const ConvLayer& layer, const CompiledKernel* kernel) {
  Json line;
  line["name"] = layer.name();
  line["layer"] = layer.name();
  line["kernel"] = kernel ? Json(kernel->symbol) : Json();
  line["target"] = kernel ? Json(kernel->target) : Json();
  line["schedule"] = kernel ? Json(kernel->schedule) : Json();
  line["problem"] = to_text(layer.problem());
  return line;
}

BoundLayer bind_kernel(const ConvLayer& layer, const CompiledKernel& kernel) {
  BoundLayer bound{layer, line_of(layer, &kernel), {}, {}};
  const std::uint64_t missing = kernel.required_features & ~detected_cpu_features();
  if (missing != 0)
    bound.not_run = "CPU lacks " + cpu_feature_names(missing);
  else
    bound.layer.force_kernel(kernel.symbol);
  return bound;
}

/// The kernels to run a layer with: the one that the runtime would take, or all that fit the options.
std::vector<BoundLayer> bind_kernels(const ConvLayer& layer, const RunnerOptions& options) {
  std::vector<BoundLayer> bound;
  const bool choose = !options.all_kernels && options.target.empty() && options.kernel.empty();
  if (choose) {
    const CompiledKernel* kernel = layer.kernel();
    bound.push_back({layer, line_of(layer, kernel), {}, kernel ? "" : layer.why_not()});
    return bound;
  }
  std::vector<const CompiledKernel*> kernels;
  for (const RegisteredKernel& registered : registered_kernels())
    if (mismatch_reason(registered.problem, kernel_problem(layer.problem())).empty() &&
        (options.target.empty() || options.target == registered.kernel->target) &&
        (options.kernel.empty() || options.kernel == registered.kernel->symbol))
      kernels.push_back(registered.kernel);
  // Of one target, the runtime prefers static extents.
  std::stable_sort(kernels.begin(), kernels.end(), [](const CompiledKernel* a, const CompiledKernel* b) {
    const auto key = [](const CompiledKernel* kernel) {
      return std::pair(-kernel->rank, problem_from_text(kernel->problem).is_dynamic());
    };
    return key(a) < key(b);
  });
  if (!options.all_kernels && kernels.size() > 1) kernels.resize(1);
  for (const CompiledKernel* kernel : kernels) bound.push_back(bind_kernel(layer, *kernel));
  if (bound.empty())
    bound.push_back({layer,
                     line_of(layer, nullptr),
                     {},
                     "no kernel of the library serves this layer" +
                         (options.target.empty() ? "" : " on " + options.target) +
                         (options.kernel.empty() ? "" : " with symbol " + options.kernel)});
  return bound;
}

/// Runs one case and completes its line. @return false for a miss or an error.
bool judge(BoundLayer& bound, LinePrinter& printer, Executor& executor, std::span<const double> input,
           const Shape& in_shape, const Shape& out_shape,
           const std::function<Comparison(std::span<const double>)>& compare_output) {
  if (!bound.not_run.empty()) {
    finish_line(bound.line, "not_run", bound.not_run);
    return true;
  }
  if (!bound.error.empty()) {
    finish_line(bound.line, "error", bound.error);
    return false;
  }
  printer.start(bound.line);
  const GuardedRun run = run_guarded(bound.layer, executor, input, in_shape, out_shape);
  if (!run.fault.empty()) {
    finish_line(bound.line, "error", run.fault);
    return false;
  }
  const Comparison result = compare_output(run.output);
  bound.line["max_error"] = result.max_error;
  bound.line["limit"] = result.limit;
  bound.line["worst_index"] = result.index;
  finish_line(bound.line, result.ok ? "ok" : "miss");
  return result.ok;
}

/// A layer with static extents, its seeded input and what must come out.
struct SeededLayer {
  ConvLayer layer;
  std::string suffix;  // tells the cases of one dynamic layer apart
  std::vector<double> input;
  ReferenceOutput expected;
};

std::vector<SeededLayer> seeded_layers(const NamedWeights& named, const RunnerOptions& options) {
  std::vector<std::pair<std::string, ConvProblem>> problems;
  if (named.problem.is_dynamic()) {
    for (const auto& [padding, problem] : concrete_problems(named.problem, options.extent))
      problems.emplace_back("[" + std::to_string(problem.IH) + "x" + std::to_string(problem.IW) + " " + padding + "]",
                            problem);
  } else {
    problems.emplace_back("", named.problem);
  }
  std::vector<SeededLayer> result;
  for (const auto& [suffix, problem] : problems) {
    SeededCase data;
    if (options.exact) {
      data = small_integers(problem, options.batch, options.seed);
    } else {
      data.weights = named.weights;
      data.input = real_input(problem, options.batch, options.seed);
    }
    const int threads = static_cast<int>(std::thread::hardware_concurrency());
    ReferenceOutput expected = reference_with_limits(problem, data.weights, options.batch, data.input, threads);
    if (options.exact && exact_on_integers(problem)) {
      expected.values = reference_rounded(problem, data.weights, options.batch, data.input, threads);
      std::fill(expected.limits.begin(), expected.limits.end(), 0.0);
    }
    result.push_back(
        {ConvLayer(named.name, problem, std::move(data.weights)), suffix, std::move(data.input), std::move(expected)});
  }
  return result;
}

/// Calls `use` for each case that was checked against the reference. @return whether all were within their limits.
bool for_each_checked(const RunnerOptions& options, LinePrinter& printer,
                      const std::function<void(BoundLayer&, const SeededLayer&, bool ran)>& use) {
  load_kernel_library(options.library);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  bool ok = true;
  for (const NamedWeights& named : wanted_layers(options))
    for (const SeededLayer& seeded : seeded_layers(named, options)) {
      const ConvProblem& problem = seeded.layer.problem();
      for (BoundLayer& bound : bind_kernels(seeded.layer, options)) {
        bound.line["name"] = named.name + seeded.suffix;
        const bool good = judge(bound, printer, *executor, seeded.input, input_shape(problem, options.batch),
                                output_shape(problem, options.batch), [&](std::span<const double> output) {
                                  return compare(output, seeded.expected.values, seeded.expected.limits, problem.dtype);
                                });
        ok = ok && good;
        use(bound, seeded, good && bound.not_run.empty());
      }
    }
  return ok;
}

/// The limits of the compare mode: an object of numbers, one for each layer.
std::map<std::string, double> read_limits(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) throw std::invalid_argument(path.string() + ": cannot read the file");
  try {
    return nlohmann::json::parse(file).get<std::map<std::string, double>>();
  } catch (const nlohmann::json::exception& error) {
    throw std::invalid_argument(path.string() + ": expected an object of numbers: " + error.what());
  }
}

/// A 1-D layer's file has no axis H.
Shape file_shape(const NpyArray& array, const std::filesystem::path& path) {
  if (array.shape.size() != 3 && array.shape.size() != 4)
    throw std::invalid_argument(path.string() + ": shape " + shape_text(array.shape) + " has " +
                                std::to_string(array.shape.size()) + " axes; expected 3 (1-D layers) or 4");
  return array.shape;
}

}  // namespace

int run_check(const RunnerOptions& options) {
  LinePrinter printer(options.report);
  const bool ok = for_each_checked(options, printer,
                                   [&](BoundLayer& bound, const SeededLayer&, bool) { printer.print(bound.line); });
  return ok ? 0 : 1;
}

int run_compare(const RunnerOptions& options) {
  const std::map<std::string, double> limits = read_limits(options.io_dir / "limits.json");
  load_kernel_library(options.library);
  LinePrinter printer(options.report);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  bool ok = true;
  for (const NamedWeights& named : wanted_layers(options)) {
    const auto limit = limits.find(named.name);
    if (limit == limits.end())
      throw std::invalid_argument((options.io_dir / "limits.json").string() + ": no limit for layer '" + named.name +
                                  "'");
    const std::filesystem::path in_path = options.io_dir / (named.name + ".input.npy");
    const std::filesystem::path out_path = options.io_dir / (named.name + ".expected.npy");
    const NpyArray input = read_npy(in_path), expected = read_npy(out_path);
    const Shape in_shape = file_shape(input, in_path), out_shape = file_shape(expected, out_path);
    const std::vector<double> in_values = input.doubles();
    const std::vector<double> out_values = expected.doubles();
    for (BoundLayer& bound : bind_kernels(ConvLayer(named.name, named.problem, named.weights), options)) {
      ok = judge(bound, printer, *executor, in_values, in_shape, out_shape,
                 [&](std::span<const double> output) {
                   return compare(output, out_values, limit->second, named.problem.dtype);
                 }) &&
           ok;
      printer.print(bound.line);
    }
  }
  return ok ? 0 : 1;
}

int run_bench(const RunnerOptions& options) {
  LinePrinter printer(options.report);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  std::vector<BoundLayer> cases;
  std::vector<RepeatedRun> runs;
  std::vector<std::unique_ptr<ConvLayer>> layers;  // RepeatedRun refers to them
  const bool ok = for_each_checked(options, printer, [&](BoundLayer& bound, const SeededLayer& seeded, bool ran) {
    if (!ran) {
      printer.print(bound.line);
      return;
    }
    const ConvProblem& problem = bound.layer.problem();
    layers.push_back(std::make_unique<ConvLayer>(bound.layer));
    runs.emplace_back(*layers.back(), *executor, seeded.input, input_shape(problem, options.batch),
                      output_shape(problem, options.batch));
    cases.push_back(bound);
  });
  std::vector<std::function<void()>> calls;
  for (RepeatedRun& run : runs) calls.emplace_back(std::ref(run));
  std::map<DataType, FmaPeak> peaks;
  for (const BoundLayer& bound : cases) {
    const DataType dtype = bound.layer.problem().dtype;
    if (peaks.count(dtype) == 0) peaks[dtype] = measure_fma_peak(dtype);
  }
  const std::vector<Timing> timings = time_interleaved(calls, options.seconds);
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Json& line = cases[i].line;
    const FmaPeak& peak = peaks.at(cases[i].layer.problem().dtype);
    const double gflops =
        cases[i].layer.problem().flops() * static_cast<double>(options.batch) / timings[i].seconds_median * 1e-9;
    line["seconds_median"] = timings[i].seconds_median;
    line["seconds_min"] = timings[i].seconds_min;
    line["samples"] = timings[i].samples;
    line["threads"] = options.threads;
    line["batch"] = options.batch;
    line["caches"] = "warm";
    line["gflops"] = gflops;
    line["peak_isa"] = peak.isa;
    line["peak_gflops"] = peak.gflops_best;
    line["percent_of_peak"] = 100 * gflops / (peak.gflops_best * options.threads);
    printer.print(line);
  }
  return ok ? 0 : 1;
}

int run_file(const RunnerOptions& options) {
  const std::vector<NamedWeights> named = wanted_layers(options);
  if (named.size() != 1) {
    std::string known;
    for (const NamedWeights& layer : named) known += (known.empty() ? "" : ", ") + layer.name;
    throw std::invalid_argument(options.weights.string() + ": has " + std::to_string(named.size()) +
                                " layers; pass --layer with one of " + known);
  }
  load_kernel_library(options.library);
  const std::unique_ptr<Executor> executor = make_thread_pool(options.threads);
  const NpyArray input = read_npy(options.input);
  const Shape in_shape = file_shape(input, options.input);
  const bool first = named[0].problem.layout == Layout::nchw, has_h = in_shape.size() == 4;
  ConvProblem problem = named[0].problem;
  if (problem.is_dynamic()) {
    if (options.padding.empty())
      throw std::invalid_argument("layer '" + named[0].name +
                                  "' has dynamic extents; pass --padding valid, same or causal, as in the model");
    const auto extent = [&](std::size_t axis) {
      return static_cast<std::int32_t>(std::clamp<std::int64_t>(in_shape[axis], 1, 1 << 28));
    };
    const std::size_t w_axis = in_shape.size() - (first ? 1 : 2);
    problem = with_extents(problem, has_h ? extent(w_axis - 1) : 1, extent(w_axis), options.padding);
  } else if (!options.padding.empty()) {
    throw std::invalid_argument("--padding: layer '" + named[0].name + "' has static extents and its own pads");
  }
  Shape out_shape = output_shape(problem, in_shape[0]);
  if (!has_h) out_shape.erase(out_shape.begin() + (first ? 2 : 1));
  BoundLayer bound = bind_kernels(ConvLayer(named[0].name, problem, named[0].weights), options).front();
  if (!bound.not_run.empty()) throw std::runtime_error(named[0].name + ": " + bound.not_run);
  if (!bound.error.empty()) throw std::runtime_error(named[0].name + ": " + bound.error);
  const GuardedRun run = run_guarded(bound.layer, *executor, input.doubles_of(problem.dtype), in_shape, out_shape);
  if (!run.fault.empty()) throw std::invalid_argument(named[0].name + ": " + run.fault);
  write_npy(options.output, npy_from_values(run.output, out_shape, problem.dtype));
  bound.line["output"] = options.output.string();
  bound.line["shape"] = out_shape;
  finish_line(bound.line, "ok");
  LinePrinter({}).print(bound.line);
  return 0;
}

int run_machine() {
  Json line;
  line["cpu_features"] = cpu_feature_names(detected_cpu_features());
  line["hardware_threads"] = std::thread::hardware_concurrency();
  for (const DataType dtype : {DataType::float32, DataType::float64, DataType::float16, DataType::bfloat16}) {
    const FmaPeak peak = measure_fma_peak(dtype);
    const std::string suffix = dtype == DataType::float32 ? "" : std::string("_") + keras_name(dtype);
    line["peak_isa" + suffix] = peak.isa;
    line["peak_gflops" + suffix] = peak.gflops_best;
    line["peak_gflops_median" + suffix] = peak.gflops_median;
  }
  LinePrinter({}).print(line);
  return 0;
}

}  // namespace sepconv::runner
