#pragma once
// The layers of a suite, compiled for this machine and ready to be called.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "generators/compile/compile_library.h"
#include "runner/layer_run.h"
#include "sepconv/plan.h"

namespace sepconv::tools {

struct BenchBuild {
  std::string target;  // a target that this CPU runs
  const generators::ScheduleSource* schedules = nullptr;
  std::optional<std::filesystem::path> cache_dir;
  int jobs = 0, threads = 1;
  const std::atomic<bool>* cancelled = nullptr;
  generators::CompileObserver* observer = nullptr;
};

/// The named target, else that of SEPCONV_TARGET, else the best shipped one that this CPU runs.
/// @throws std::invalid_argument for a target that is unknown, that this CPU cannot run or that has no kernels of the
/// type.
std::string bench_target(const std::string& name, DataType dtype = DataType::float32);

/// Compiles the plan into a library in `folder` and loads it into this process.
/// @throws what compile_library throws.
void load_bench_plan(const Plan& plan, const BenchBuild& build, const std::filesystem::path& folder);

/// Compiles all layers into one library in `folder` and loads it into this process.
/// @returns for each layer that does not compile the reason.
/// @throws CompileCancelled; std::runtime_error when no layer compiles.
std::map<std::string, std::string> load_bench_kernels(const std::vector<PlannedLayer>& layers, const BenchBuild& build,
                                                      const std::filesystem::path& folder);

/// A layer with everything that calls of its `run` need: weights, input, output and workspace.
class BenchRun {
 public:
  /// @param io_dir  holds <name>.x.bin, .dw.bin, .pw.bin and .b.bin, raw float32; empty: values from a seed.
  /// @throws std::invalid_argument naming a file that is missing or has another size, or if there is no kernel.
  BenchRun(const PlannedLayer& layer, const std::string& target, Executor& executor,
           const std::filesystem::path& io_dir);

  void operator()() { (*run_)(); }
  const ConvLayer& layer() const { return *layer_; }
  /// Writes what the last call computed, raw float32 in the layer's layout.
  /// @throws std::runtime_error naming the path.
  void write_output(const std::filesystem::path& path) const;

 private:
  std::unique_ptr<ConvLayer> layer_;  // stays where it is: run_ refers to it
  std::unique_ptr<runner::RepeatedRun> run_;
};

}  // namespace sepconv::tools
