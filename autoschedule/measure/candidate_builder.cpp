#include "autoschedule/measure/candidate_builder.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "generators/compile/device_calls.h"
#include "generators/compile/files.h"
#include "generators/compile/kernel_compiler.h"
#include "generators/compile/locked_folder.h"
#include "generators/compile/process.h"
#include "generators/compile/runtime_calls.h"
#include "generators/compile/shared_bodies.h"
#include "generators/compile/toolchain.h"
#include "generators/spec/gpu_schedule.h"
#include "sepconv/detail/kernel_abi.h"

namespace sepconv::autoschedule {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kBuildingPrefix = ".building-";

/// Ends a build with a status.
struct BuildFailure {
  TrialStatus status;
  std::string message;
};

TrialStatus status_of(generators::ProcessResult::End end) {
  switch (end) {
    case generators::ProcessResult::End::exited: return TrialStatus::build_failed;
    case generators::ProcessResult::End::signalled: return TrialStatus::build_crashed;
    case generators::ProcessResult::End::out_of_cpu_time:
    case generators::ProcessResult::End::timed_out: return TrialStatus::build_timeout;
    case generators::ProcessResult::End::out_of_memory: return TrialStatus::out_of_memory;
    case generators::ProcessResult::End::cancelled: return TrialStatus::lost;
  }
  return TrialStatus::lost;
}

BuildFailure failure_of(const char* what, const std::string& reason, const generators::ProcessResult& result) {
  const std::string output = message_of_output(result.output);
  return {status_of(result.end), fmt::format("{}: {}{}", what, reason, output.empty() ? "" : "\n" + output)};
}

/// Runs a tool.
/// @throws BuildFailure unless it succeeds; std::runtime_error if it cannot be started.
void run_step(const std::vector<std::string>& argv, const char* what, const generators::ProcessLimits& limits) {
  const generators::ProcessResult result = run_process(argv, limits);
  if (!result.ok()) throw failure_of(what, end_text(result, limits), result);
}

/// The tools that link for the target's system, searched for once.
const generators::Toolchain& toolchain_for(const generators::Target& target) {
  static std::mutex mutex;
  static std::map<std::string, generators::Toolchain> known;
  const std::lock_guard lock(mutex);
  const auto [place, added] = known.try_emplace(system_text(target));
  if (added) {
    try {
      place->second = find_toolchain(&target, generators::tool_settings_from_environment());
    } catch (...) {
      known.erase(place);
      throw;
    }
  }
  return place->second;
}

/// Whether the folder holds the whole kernel; a machine that went down may have left half of one.
bool is_whole(const fs::path& folder) {
  try {
    const auto json = nlohmann::json::parse(generators::read_file(folder / "kernel.json"));
    return json.at("library_hash").get<std::string>() ==
           generators::content_hash(generators::read_file(folder / "kernel.so"));
  } catch (const std::exception&) {
    return false;
  }
}

/// A folder beside the finished ones, which is removed with the object, for the files of one build.
class WorkFolder {
 public:
  explicit WorkFolder(const fs::path& kernels) : folder_(made(kernels), kBuildingPrefix) {
    made(generated());
    made(kernel());
  }

  fs::path generated() const { return folder_.path() / "generated"; }  // the generator's files
  fs::path kernel() const { return folder_.path() / "kernel"; }        // what is kept

  /// Another process may have been first: its kernel is as good.
  void publish(const fs::path& folder) const {
    std::error_code error;
    fs::create_directories(folder.parent_path(), error);
    fs::rename(kernel(), folder, error);
    if (error && !is_whole(folder)) {
      fs::remove_all(folder, error);
      fs::rename(kernel(), folder, error);
    }
    if (error && !is_whole(folder))
      throw std::runtime_error(fmt::format("cannot write '{}': {}", folder.string(), error.message()));
  }

 private:
  static const fs::path& made(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
      throw std::runtime_error(fmt::format("cannot make the folder '{}': {}", folder.string(), error.message()));
    return folder;
  }

  generators::LockedFolder folder_;
};

/// kernel.json: the row, and the hash of the library beside it.
std::string row_json(const Candidate& candidate, const generators::Target& target, const generators::KernelFacts& facts,
                     const std::string& library) {
  nlohmann::ordered_json json;
  json["format"] = generators::kTrialKernelFormat;
  json["abi"] = kKernelAbi;
  json["problem"] = candidate.problem;
  json["target"] = candidate.target;
  json["schedule"] = candidate.schedule;
  json["function"] = std::string(generators::kPlaceholderSymbol) + "_argv";
  json["required_features"] = target.required_features;
  json["rank"] = target.rank;
  json["facts"] = nlohmann::ordered_json::parse(to_json(facts));
  json["library_hash"] = generators::content_hash(library);
  return json.dump(2) + "\n";
}

generators::ProcessLimits limits_of(const BuilderOptions& options) {
  return {options.seconds, options.cancelled, options.memory_bytes};
}

/// The compiled candidate: from the cache, or made now.
generators::KernelObject compiled(const Candidate& candidate, const BuilderOptions& options, const fs::path& folder) {
  const generators::KernelCompiler compiler(options.generator, options.cache_dir);
  if (std::optional<generators::KernelObject> known = compiler.cached(candidate)) return std::move(*known);
  try {
    // Where the cache cannot be written, a later build takes longer; that is no reason to fail.
    return compiler.compile(candidate, folder, limits_of(options)).object;
  } catch (const generators::GeneratorFailure& failure) {
    if (failure.result().ok()) throw BuildFailure{TrialStatus::build_failed, failure.what()};
    throw failure_of("the generator", failure.what(), failure.result());
  }
}

/// Links the object to a library. What the kernel calls stays open: the runner has it.
void link_library(const fs::path& object, const fs::path& library, const generators::Target& target,
                  const BuilderOptions& options) {
  const generators::Toolchain& tools = toolchain_for(target);
  std::vector<std::string> rename = {tools.objcopy.string()};
  for (const auto& [name, ours] : generators::kRuntimeCalls)
    rename.push_back(fmt::format("--redefine-sym={}={}", name, ours));
  if (target.device != generators::Device::cpu)
    for (const char* name : generators::kDeviceCalls)
      rename.push_back(fmt::format("--redefine-sym={0}={1}{0}", name, generators::kDevicePrefix));
  rename.push_back(object.string());
  run_step(rename, "renaming symbols", limits_of(options));

  std::vector<std::string> link = tools.compiler;
  for (const std::string& word :
       {std::string("-shared"), std::string("-nostdlib"), object.string(), std::string("-o"), library.string()})
    link.push_back(word);
  run_step(link, "linking the kernel", limits_of(options));
}

void build(const Candidate& candidate, const generators::Target& target, const BuilderOptions& options,
           const fs::path& folder) {
  toolchain_for(target);  // reports a missing linker before the kernel is compiled
  const WorkFolder work(options.kernels);
  const generators::KernelObject kernel = compiled(candidate, options, work.generated());
  const fs::path object = work.generated() / "kernel.o", library = work.kernel() / "kernel.so";
  generators::write_file(object, kernel.bytes);
  link_library(object, library, target, options);
  generators::write_file(work.kernel() / "kernel.json",
                         row_json(candidate, target, kernel.facts, generators::read_file(library)));
  work.publish(folder);
}

/// The key of the folder: of the compiled kernel, and of what linking and kernel.json add.
std::string folder_key(const Candidate& candidate, const BuilderOptions& options) {
  return generators::content_hash(
      fmt::format("{}\n{}", generators::kTrialKernelFormat,
                  kernel_key(candidate, generators::generator_identity(options.generator))));
}

}  // namespace

void remove_forgotten_builds(const fs::path& kernels) { generators::remove_stale_folders(kernels, kBuildingPrefix); }

CompiledCandidate compile_candidate(const Candidate& candidate, const BuilderOptions& options,
                                    const std::function<void(const fs::path&)>& look) {
  const WorkFolder work(options.kernels);
  const fs::path object = work.generated() / "kernel.o";
  try {
    generators::write_file(object, compiled(candidate, options, work.generated()).bytes);
  } catch (const std::invalid_argument& error) {
    return {TrialStatus::build_failed, error.what()};
  } catch (const BuildFailure& failure) {
    return {failure.status, failure.message};
  }
  look(object);
  return {};
}

BuiltCandidate build_candidate(const Candidate& candidate, const BuilderOptions& options) {
  const Clock::time_point begin = Clock::now();
  BuiltCandidate built;
  try {
    problem_from_text(candidate.problem);
    const generators::Target& target = generators::target_from_name(candidate.target);
    const std::string key = folder_key(candidate, options);
    const fs::path folder = options.kernels / key.substr(0, 2) / key;
    built.cached = is_whole(folder);
    if (!built.cached) build(candidate, target, options, folder);
    built.folder = folder;
  } catch (const std::invalid_argument& error) {
    built.status = TrialStatus::build_failed;
    built.message = error.what();
  } catch (const BuildFailure& failure) {
    built.status = failure.status;
    built.message = failure.message;
  }
  built.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return built;
}

}  // namespace sepconv::autoschedule
