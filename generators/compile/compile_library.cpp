#include "generators/compile/compile_library.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "generators/compile/device_calls.h"
#include "generators/compile/files.h"
#include "generators/compile/kernel_builder.h"
#include "generators/compile/kernel_compiler.h"
#include "generators/compile/library_names.h"
#include "generators/compile/library_text.h"
#include "generators/compile/network_header.h"
#include "generators/compile/network_targets.h"
#include "generators/compile/predict_text.h"
#include "generators/compile/runtime_calls.h"
#include "generators/compile/shared_bodies.h"
#include "generators/compile/staging.h"
#include "generators/compile/toolchain.h"
#include "sepconv/weights_file.h"

namespace sepconv::generators {
namespace {

void check(const Plan& plan, const CompileOptions& options) {
  if (plan.layers.empty() && !plan.network) throw std::invalid_argument("compile: the plan has no layer to compile");
  check_layer_names(plan);
  if (!(options.kernel_seconds > 0))
    throw std::invalid_argument(fmt::format("timeout: {:g} s; expected more than 0", options.kernel_seconds));
  if (options.jobs < 0) throw std::invalid_argument(fmt::format("jobs: {}; expected 0 or more", options.jobs));
  std::error_code error;
  if (std::filesystem::exists(options.output_dir, error) && !std::filesystem::is_directory(options.output_dir, error))
    throw std::invalid_argument(fmt::format("output: '{}' is not a folder", options.output_dir.string()));
  if (::access(options.generator.c_str(), X_OK) != 0 || std::filesystem::is_directory(options.generator, error))
    throw std::runtime_error(
        fmt::format("the kernel compiler '{}' does not exist or cannot be run", options.generator.string()));
  if (options.shared &&
      !std::filesystem::exists(options.include_dir / "sepconv" / "detail" / "compiled_kernel.h", error))
    throw std::runtime_error(
        fmt::format("the include folder '{}' lacks sepconv/detail/compiled_kernel.h, which a shared library "
                    "is compiled with",
                    options.include_dir.string()));
}

/// The generator makes the bodies of parallel loops global too. No other library has their names; where the format
/// allows it they are hidden as well.
SymbolChanges symbol_changes(const LibraryContents& library) {
  // All kernels of a library are of one system. llvm-objcopy hides no symbols of Mach-O, whose names begin with "_".
  const bool mach_o = library.kernels.front().target.os == Os::osx;
  const std::string prefix = mach_o ? "_" : "";
  SymbolChanges changes;
  for (const auto& [name, ours] : kRuntimeCalls) changes.renamed.emplace_back(prefix + name, prefix + ours);
  for (const char* name : kDeviceCalls) changes.renamed.emplace_back(prefix + name, prefix + kDevicePrefix + name);
  for (std::size_t i = 0; i < library.kernels.size(); ++i) {
    if (!library.has_body(i)) continue;
    const PlannedKernel& kernel = library.kernels[i];
    for (const char* suffix : {"", "_argv", "_metadata"}) {
      const std::string name = prefix + kernel.object_symbol() + suffix;
      changes.renamed.emplace_back(name, prefix + kernel.symbol + suffix);
      if (!mach_o) changes.exported.push_back(name);
    }
  }
  if (library.embedded_bytes != 0) changes.exported.push_back(weights_symbol(library.name));
  return changes;
}

std::vector<std::filesystem::path> write_objects(const LibraryContents& library,
                                                 const std::vector<KernelObject>& objects,
                                                 const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (!library.has_body(i)) continue;
    paths.push_back(folder / (library.kernels[i].symbol + ".o"));
    write_file(paths.back(), with_symbol(objects[i].bytes, library.kernels[i].object_symbol()));
  }
  return paths;
}

/// The size of each kernel's object; nothing for those that share another's.
std::vector<CodeSize> kernel_sizes(const LibraryContents& library, const std::vector<CodeSize>& objects) {
  std::vector<CodeSize> sizes(library.kernels.size());
  for (std::size_t i = 0, object = 0; i < sizes.size(); ++i)
    if (library.has_body(i)) sizes[i] = objects[object++];
  return sizes;
}

bool needs_weights(const PlannedLayer& layer) { return !layer.has_weights && !weights_of(layer.problem).empty(); }

/// The layers and the network with weights; a network that lacks some is left out.
WeightsFile weights_of_plan(const Plan& plan) {
  WeightsFile file;
  for (const PlannedLayer& layer : plan.layers)
    if (layer.has_weights) file.layers.push_back({layer.name, layer.problem, layer.weights});
  if (!plan.network || std::any_of(plan.network->layers.begin(), plan.network->layers.end(), needs_weights))
    return file;
  file.network = plan.network->plan;
  for (const PlannedLayer& layer : plan.network->layers)
    file.network_layers.push_back({layer.name, layer.problem, layer.weights});
  return file;
}

/// Writes the weights file, and makes an object of it where it is embedded.
void stage_weights(const WeightsFile& weights, const CompileOptions& options, const Toolchain& tools,
                   LibraryContents& library, const std::filesystem::path& folder,
                   std::vector<std::filesystem::path>& objects) {
  const std::filesystem::path path = folder / (options.name + ".weights");
  try {
    save_weights_file(path, weights, options.weights_dtype);
  } catch (const std::invalid_argument& error) {
    if (options.weights_dtype == DataType::float16) throw;  // a weight may be beyond its range
    throw std::runtime_error(error.what());                 // the plan was checked: what is left is the disk
  }
  if (!options.embed) return;
  library.embedded_bytes = std::filesystem::file_size(path);
  objects.push_back(folder / (weights_symbol(options.name) + ".o"));
  make_data_object(tools, library.kernels.front().target, path, weights_symbol(options.name), objects.back(),
                   {options.kernel_seconds, options.cancelled});
}

/// Puts the library's files into the staging folder; returns their names.
std::vector<std::string> stage_files(const Plan& plan, const CompileOptions& options, const Toolchain& tools,
                                     LibraryContents& library, const std::vector<KernelObject>& objects,
                                     const std::filesystem::path& folder, CompileResult& result) {
  const std::string& name = options.name;
  const ProcessLimits limits{options.kernel_seconds, options.cancelled};
  std::filesystem::create_directory(folder / "objects");
  const std::string archive = "lib" + name + ".a", shared = "lib" + name + ".so";
  std::vector<std::filesystem::path> paths = write_objects(library, objects, folder / "objects");
  if (options.measure) result.sizes = kernel_sizes(library, code_sizes(tools, paths, limits));
  stage_weights(weights_of_plan(plan), options, tools, library, folder, paths);
  make_archive(tools, paths, symbol_changes(library), folder / archive, limits);
  if (options.shared) {
    const std::filesystem::path source = folder / (name + "_table.cpp");
    write_file(source, shared_source_text(library));
    link_shared(tools, folder / archive, source, options.include_dir, kSharedSymbol, folder / shared, limits);
  }
  std::vector<std::string> names = {options.shared ? shared : archive, name + ".weights", name + "Config.cmake",
                                    name + ".h"};
  write_file(folder / names[2], package_text(name, options.shared, has_device_kernels(library.kernels)));
  write_file(folder / names[3], options.shared ? shared_header_text(library) : header_text(library));
  const auto add = [&](const std::string& file, const std::string& text) {
    names.push_back(file);
    write_file(folder / file, text);
  };
  if (library.network) {
    add(name + "_predict.h", predict_header_text(library));
    add(name + "_predict.cpp", predict_source_text(library));
  }
  if (options.lockfile_text) add(name + ".lock.json", options.lockfile_text(library.kernels));
  return names;
}

void check_embed(const Plan& plan, const CompileOptions& options) {
  if (!options.embed) return;
  if (options.shared)
    throw std::invalid_argument("embed: a shared library exports no weights; leave out --shared or --embed");
  if (!plan.network)
    throw std::invalid_argument("embed: the library has no network" +
                                (plan.why_no_network.empty() ? "" : ": " + plan.why_no_network));
  for (const PlannedLayer& layer : plan.network->layers)
    if (needs_weights(layer))
      throw std::invalid_argument(fmt::format("embed: layer '{}' of the network has no weights", layer.name));
}

}  // namespace

CompileResult compile_library(const Plan& plan, const CompileOptions& options) {
  check(plan, options);
  check_embed(plan, options);
  const PlannedKernelOptions rows{options.name,
                                  options.targets,
                                  options.dynamic,
                                  options.locked,
                                  options.threads,
                                  options.schedules,
                                  generator_identity(options.generator)};
  LibraryContents library{options.name, plan_kernels(plan, rows), {}, plan.layers, {}, plan.network};
  if (options.shared && has_device_kernels(library.kernels))
    throw std::invalid_argument(
        "shared: kernels for GPUs call libsepconv_gpu, which is linked once into the program; leave out --shared");
  if (plan.network && options.observer != nullptr)
    for (const std::string& line :
         network_refusals(*plan.network, options.targets, options.threads, options.schedules).lines())
      options.observer->note(line);
  const Toolchain tools = find_toolchain(options.shared ? &library.kernels.front().target : nullptr, options.tools);
  if (options.schedules != nullptr && options.observer != nullptr && options.note_rules)
    for (const PlannedKernel& kernel : library.kernels)
      if (!kernel.from_source)
        options.observer->note(fmt::format("layer '{}' on {} has no row in the lockfile; the rule chose {}",
                                           kernel.layers.front(), kernel.target.name, to_text(kernel.schedule)));

  Staging staging(options.output_dir);
  std::filesystem::create_directory(staging.folder() / "kernels");
  const BuiltKernels built = build_kernels(library.kernels, options, staging.folder() / "kernels");
  for (const KernelObject& object : built.objects) library.facts.push_back(object.facts);
  library.bodies = shared_bodies(built.objects);
  try {
    CompileResult result;
    const std::vector<std::string> names =
        stage_files(plan, options, tools, library, built.objects, staging.folder(), result);
    result.written = staging.publish(names);
    result.cached = built.cached;
    for (const std::string& name : names) result.files.push_back(staging.output_dir() / name);
    result.kernels = std::move(library.kernels);
    result.bodies = std::move(library.bodies);
    return result;
  } catch (const std::runtime_error&) {
    if (options.cancelled != nullptr && options.cancelled->load()) throw CompileCancelled();
    throw;
  }
}

std::optional<std::filesystem::path> default_cache_dir() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return std::filesystem::path(cache) / "sepconv";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::filesystem::path(home) / ".cache" / "sepconv";
  return std::nullopt;
}

}  // namespace sepconv::generators
