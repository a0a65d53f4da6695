#include "tools/bench_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "generators/compile/files.h"
#include "runner/seeded.h"
#include "runtime/core/environment.h"
#include "sepconv/kernel_registry.h"
#include "tools/program_paths.h"
#include "tools/target_choice.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSeed = 1;
constexpr const char* kLibrary = "suite";

void compile(const Plan& plan, const BenchBuild& build, const fs::path& folder, generators::CompileObserver* observer) {
  generators::CompileOptions options;
  options.name = kLibrary;
  options.output_dir = folder;
  options.targets = {build.target};
  options.shared = true;
  options.schedules = build.schedules;
  options.jobs = build.jobs;
  options.threads = build.threads;
  options.cache_dir = build.cache_dir;
  options.generator = generator_program();
  options.include_dir = runtime_include_dir();
  options.cancelled = build.cancelled;
  options.observer = observer;
  compile_library(plan, options);
}

/// Tries each layer by itself: what compiles stays in the plan.
std::map<std::string, std::string> drop_failures(Plan& plan, const BenchBuild& build, const fs::path& folder) {
  std::map<std::string, std::string> failures;
  std::erase_if(plan.layers, [&](const PlannedLayer& layer) {
    try {
      compile({{layer}, {}}, build, folder / "single", nullptr);
      return false;
    } catch (const generators::CompileCancelled&) {
      throw;
    } catch (const std::runtime_error& error) {
      failures[layer.name] = error.what();
      return true;
    }
  });
  return failures;
}

std::vector<float> read_floats(const fs::path& path, std::size_t count) {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (error) throw std::invalid_argument(path.string() + ": cannot read the file");
  if (bytes != count * sizeof(float))
    throw std::invalid_argument(fmt::format("{}: {} bytes; expected {} float32 values, {} bytes", path.string(), bytes,
                                            count, count * sizeof(float)));
  const std::string content = generators::read_file(path);
  std::vector<float> values(count);
  std::memcpy(values.data(), content.data(), content.size());
  return values;
}

/// @throws std::invalid_argument for a layer whose name would lead out of the folder
void check_stays_inside(const std::string& name) {
  const fs::path path = name;
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
    throw std::invalid_argument(fmt::format("--io-dir: the file of layer '{}' would lie outside the folder", name));
}

runner::SeededCase read_case(const PlannedLayer& layer, const fs::path& io_dir) {
  check_stays_inside(layer.name);
  const ConvProblem& p = layer.problem;
  const auto read = [&](const char* what, std::size_t count) {
    return read_floats(io_dir / (layer.name + "." + what + ".bin"), count);
  };
  const auto size = [](auto... extents) { return (static_cast<std::size_t>(extents) * ...); };
  runner::SeededCase data;
  // The files of the interchange format (bench/peers) are named after what Keras calls the weights.
  for (const Argument& argument : weights_of(p)) {
    const bool depthwise = p.stages[argument.stage].kind == StageKind::depthwise;
    const char* name = argument.kind == ArgumentKind::constant ? "b" : depthwise ? "dw" : "pw";
    data.weights.arrays.emplace_back(read(name, elements_of(argument)));
  }
  const std::vector<float> input = read("x", size(layer.batch, p.IH, p.IW, p.IC));
  data.input.assign(input.begin(), input.end());
  return data;
}

}  // namespace

void load_bench_plan(const Plan& plan, const BenchBuild& build, const fs::path& folder) {
  compile(plan, build, folder, build.observer);
  load_kernel_library(folder / (std::string("lib") + kLibrary + ".so"));
}

std::string bench_target(const std::string& name, DataType dtype) {
  if (const std::string forced = detail::environment_target(); name.empty() && !forced.empty())
    return bench_target(forced, dtype);
  if (name.empty()) return best_target_here(dtype).name;
  const generators::Target& target = generators::target_from_name(name);
  if (const std::string reason = cannot_run_here(target); !reason.empty())
    throw std::invalid_argument(fmt::format("--target: '{}' {}", name, reason));
  if (!serves(target, dtype))
    throw std::invalid_argument(fmt::format("--target: '{}' has no kernels for {}", name, keras_name(dtype)));
  return name;
}

std::map<std::string, std::string> load_bench_kernels(const std::vector<PlannedLayer>& layers, const BenchBuild& build,
                                                      const fs::path& folder) {
  Plan plan{layers, {}};
  std::map<std::string, std::string> failures;
  try {
    compile(plan, build, folder, build.observer);
  } catch (const generators::CompileCancelled&) {
    throw;
  } catch (const std::runtime_error&) {
    failures = drop_failures(plan, build, folder);
    // Nothing compiles, or everything does by itself: that is the machine rather than a kernel.
    if (plan.layers.empty() || failures.empty()) throw;
    compile(plan, build, folder, build.observer);
  }
  load_kernel_library(folder / (std::string("lib") + kLibrary + ".so"));
  return failures;
}

BenchRun::BenchRun(const PlannedLayer& layer, const std::string& target, Executor& executor, const fs::path& io_dir) {
  runner::SeededCase data =
      io_dir.empty() ? runner::real_values(layer.problem, layer.batch, kSeed) : read_case(layer, io_dir);
  layer_ = std::make_unique<ConvLayer>(layer.name, layer.problem, std::move(data.weights));
  layer_->force_kernel(target);
  run_ = std::make_unique<runner::RepeatedRun>(*layer_, executor, data.input,
                                               runner::input_shape(layer.problem, layer.batch),
                                               runner::output_shape(layer.problem, layer.batch));
}

void BenchRun::write_output(const fs::path& path) const {
  const ConstTensorView view = run_->output();
  generators::replace_file(
      path, {static_cast<const char*>(view.data), static_cast<std::size_t>(view.elements()) * sizeof(float)});
}

}  // namespace sepconv::tools
