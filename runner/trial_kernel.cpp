#include "runner/trial_kernel.h"

#include <dlfcn.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "generators/spec/kernel_facts.h"
#include "sepconv/kernel_registry.h"

// What kernels call. They are opened without these, and find them in this program.
extern "C" {
int sepconv_abi1_parallel_for(void*, sepconv::KernelTask, int, int, std::uint8_t*);
void* sepconv_abi1_allocate(void*, std::size_t);
void sepconv_abi1_release(void*, void*);
}

namespace sepconv::runner {
namespace {

// Keeps them in the program, which calls none of them.
struct Services {
  int (*parallel_for)(void*, KernelTask, int, int, std::uint8_t*);
  void* (*allocate)(void*, std::size_t);
  void (*release)(void*, void*);
};
[[gnu::used]] const Services kServices = {&sepconv_abi1_parallel_for, &sepconv_abi1_allocate, &sepconv_abi1_release};

/// A kernel and the texts that it points to.
struct OwnedKernel {
  std::string library, symbol, problem, target, schedule;
  CompiledKernel kernel{};
  KernelTable table{};
};

}  // namespace

TrialKernel read_trial_kernel(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "kernel.json";
  std::ifstream file(path);
  if (!file)
    throw std::invalid_argument(path.string() + ": cannot read the file; expected a folder that sepconv-builder wrote");
  TrialKernel kernel;
  kernel.folder = folder;
  try {
    const nlohmann::json json = nlohmann::json::parse(file);
    if (json.at("format") != generators::kTrialKernelFormat || json.at("abi") != kKernelAbi)
      throw std::invalid_argument("made by another version of sepconv-builder");
    kernel.problem_text = json.at("problem").get<std::string>();
    kernel.target = json.at("target").get<std::string>();
    kernel.schedule = json.at("schedule").get<std::string>();
    kernel.function = json.at("function").get<std::string>();
    kernel.problem = problem_from_text(kernel.problem_text);
    const generators::KernelFacts facts = generators::facts_from_json(json.at("facts").dump());
    kernel.facts.abi = kKernelAbi;
    kernel.facts.required_features = json.at("required_features").get<std::uint64_t>();
    kernel.facts.rank = json.at("rank").get<std::int32_t>();
    kernel.facts.depthwise_panel = facts.depthwise_panel;
    kernel.facts.pointwise_panel = facts.pointwise_panel;
    kernel.facts.flat_output = facts.flat_output;
    kernel.facts.call_scratch_bytes = facts.call_scratch_bytes;
    kernel.facts.task_scratch_bytes = facts.task_scratch_bytes;
  } catch (const std::exception& error) {
    throw std::invalid_argument(path.string() + ": " + error.what());
  }
  return kernel;
}

void load_trial_kernel(const TrialKernel& kernel, const ConvProblem& problem, const std::string& symbol) {
  const std::string file = std::filesystem::absolute(kernel.folder / "kernel.so").string();
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto loader_error = [] {
    const char* text = ::dlerror();
    return std::string(text == nullptr ? "unknown error" : text);
  };
  if (library == nullptr) throw std::runtime_error("the kernel cannot be loaded: " + loader_error());
  void* const function = ::dlsym(library, kernel.function.c_str());
  if (function == nullptr) throw std::runtime_error("the kernel cannot be loaded: " + loader_error());
  // For the life of the process, as the registry wants it.
  auto* owned = new OwnedKernel{kernel.folder.string(), symbol, to_text(problem), kernel.target, kernel.schedule,
                                kernel.facts,           {}};
  owned->kernel.symbol = owned->symbol.c_str();
  owned->kernel.function = reinterpret_cast<KernelFunction>(function);
  owned->kernel.problem = owned->problem.c_str();
  owned->kernel.target = owned->target.c_str();
  owned->kernel.schedule = owned->schedule.c_str();
  owned->table = {owned->library.c_str(), &owned->kernel, 1, nullptr, 0};
  use_kernels(owned->table);
}

}  // namespace sepconv::runner
