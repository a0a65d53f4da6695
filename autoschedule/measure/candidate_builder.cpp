#include "candidate_builder.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "compile/device_calls.h"
#include "compile/files.h"
#include "compile/kernel_object.h"
#include "compile/locked_folder.h"
#include "compile/process.h"
#include "compile/runtime_calls.h"
#include "compile/shared_bodies.h"
#include "compile/toolchain.h"
#include "sepconv/kernel_abi.h"
#include "spec/gpu_schedule.h"

namespace sepconv {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr const char* kBuildingPrefix = ".building-";
constexpr int kFormat = 1;  // of kernel.json

/// Ends a build with a status.
struct BuildFailure {
  TrialStatus status;
  std::string message;
};

/// Runs a step of the build.
/// @throws BuildFailure unless it succeeds; std::runtime_error if the program cannot be started.
void run_step(const std::vector<std::string>& argv, const char* what, const ProcessLimits& limits) {
  const ProcessResult result = run_process(argv, limits);
  if (result.ok()) return;
  const std::string output = message_of_output(result.output);
  const std::string message =
      fmt::format("{}: {}{}", what, end_text(result, limits), output.empty() ? "" : "\n" + output);
  switch (result.end) {
    case ProcessResult::End::exited: throw BuildFailure{TrialStatus::build_failed, message};
    case ProcessResult::End::signalled: throw BuildFailure{TrialStatus::build_crashed, message};
    case ProcessResult::End::out_of_cpu_time:
    case ProcessResult::End::timed_out: throw BuildFailure{TrialStatus::build_timeout, message};
    case ProcessResult::End::out_of_memory: throw BuildFailure{TrialStatus::out_of_memory, message};
    case ProcessResult::End::cancelled: throw BuildFailure{TrialStatus::lost, message};
  }
}

/// The hash of a program, read again only when the file has changed.
std::string program_hash(const fs::path& program) {
  struct Known {
    fs::file_time_type time;
    std::uintmax_t size;
    std::string hash;
  };
  static std::mutex mutex;
  static std::map<fs::path, Known> known;
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(program, error);
  const std::uintmax_t size = error ? 0 : fs::file_size(program, error);
  if (error)
    throw std::runtime_error(
        fmt::format("the kernel compiler '{}' is not there: {}", program.string(), error.message()));
  const std::lock_guard lock(mutex);
  Known& entry = known[program];
  if (entry.hash.empty() || entry.time != time || entry.size != size)
    entry = {time, size, content_hash(read_file(program))};
  return entry.hash;
}

/// The tools that link for the target's system, searched for once.
const Toolchain& toolchain_for(const Target& target) {
  static std::mutex mutex;
  static std::map<std::string, Toolchain> known;
  const std::lock_guard lock(mutex);
  const auto [place, added] = known.try_emplace(system_text(target));
  if (added) {
    try {
      place->second = find_toolchain(&target);
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
    const auto json = nlohmann::json::parse(read_file(folder / "kernel.json"));
    return json.at("library_hash").get<std::string>() == content_hash(read_file(folder / "kernel.so"));
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

  LockedFolder folder_;
};

/// kernel.json: the row, and the hash of the library beside it.
std::string row_json(const Candidate& candidate, const Target& target, const KernelFacts& facts,
                     const std::string& library) {
  nlohmann::ordered_json json;
  json["format"] = kFormat;
  json["abi"] = kKernelAbi;
  json["problem"] = candidate.problem;
  json["target"] = candidate.target;
  json["schedule"] = candidate.schedule;
  json["function"] = std::string(kPlaceholderSymbol) + "_argv";
  json["required_features"] = target.required_features;
  json["rank"] = target.rank;
  json["facts"] = nlohmann::ordered_json::parse(to_json(facts));
  json["library_hash"] = content_hash(library);
  return json.dump(2) + "\n";
}

struct Generated {
  fs::path object;
  KernelFacts facts;
};

Generated generate(const Candidate& candidate, const BuilderOptions& options, const WorkFolder& work) {
  const ProcessLimits limits{options.seconds, options.cancelled, options.memory_bytes};
  const std::string symbol = kPlaceholderSymbol;
  Generated generated{work.generated() / (symbol + ".o"), {}};
  run_step({options.generator.string(), "--problem", candidate.problem, "--schedule", candidate.schedule, "--target",
            candidate.target, "--symbol", symbol, "--output", work.generated().string()},
           "the generator", limits);
  try {
    generated.facts = facts_from_json(read_file(work.generated() / (symbol + ".json")));
    if (fs::file_size(generated.object) == 0) throw std::runtime_error("the object file is empty");
  } catch (const std::exception& error) {
    throw BuildFailure{TrialStatus::build_failed, std::string("the generator's output is not usable: ") + error.what()};
  }
  return generated;
}

void build(const Candidate& candidate, const Target& target, const BuilderOptions& options, const fs::path& folder) {
  const Toolchain& tools = toolchain_for(target);
  const ProcessLimits limits{options.seconds, options.cancelled, options.memory_bytes};
  const WorkFolder work(options.kernels);
  const auto [object, facts] = generate(candidate, options, work);
  const fs::path library = work.kernel() / "kernel.so";

  std::vector<std::string> rename = {tools.objcopy.string()};
  for (const auto& [name, ours] : kRuntimeCalls) rename.push_back(fmt::format("--redefine-sym={}={}", name, ours));
  if (target.device != Device::cpu)
    for (const char* name : kDeviceCalls)
      rename.push_back(fmt::format("--redefine-sym={0}={1}{0}", name, kDevicePrefix));
  rename.push_back(object.string());
  run_step(rename, "renaming symbols", limits);

  // What the kernel calls stays open: the runner has it.
  std::vector<std::string> link = tools.compiler;
  for (const std::string& word :
       {std::string("-shared"), std::string("-nostdlib"), object.string(), std::string("-o"), library.string()})
    link.push_back(word);
  run_step(link, "linking the kernel", limits);

  write_file(work.kernel() / "kernel.json", row_json(candidate, target, facts, read_file(library)));
  work.publish(folder);
}

}  // namespace

std::string kernel_key(const Candidate& candidate, const fs::path& generator) {
  return content_hash(fmt::format("{}\n{}\n{}\n{}\n{}\n{}", kFormat, kKernelAbi, program_hash(generator),
                                  candidate.problem, candidate.target, candidate.schedule));
}

void remove_forgotten_builds(const fs::path& kernels) { remove_stale_folders(kernels, kBuildingPrefix); }

CompiledCandidate compile_candidate(const Candidate& candidate, const BuilderOptions& options,
                                    const std::function<void(const fs::path&)>& look) {
  const WorkFolder work(options.kernels);
  CompiledCandidate compiled;
  try {
    look(generate(candidate, options, work).object);
  } catch (const BuildFailure& failure) {
    compiled.status = failure.status;
    compiled.message = failure.message;
  }
  return compiled;
}

BuiltCandidate build_candidate(const Candidate& candidate, const BuilderOptions& options) {
  const Clock::time_point begin = Clock::now();
  BuiltCandidate built;
  const std::string key = kernel_key(candidate, options.generator);
  const fs::path folder = options.kernels / key.substr(0, 2) / key;
  try {
    const Target* target = nullptr;
    try {
      problem_from_text(candidate.problem);
      target = &target_from_name(candidate.target);
    } catch (const std::invalid_argument& error) {
      throw BuildFailure{TrialStatus::build_failed, error.what()};
    }
    built.cached = is_whole(folder);
    if (!built.cached) build(candidate, *target, options, folder);
    built.folder = folder;
  } catch (const BuildFailure& failure) {
    built.status = failure.status;
    built.message = failure.message;
  }
  built.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return built;
}

}  // namespace sepconv
