#include "generators/compile/kernel_compiler.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "generators/compile/files.h"
#include "generators/compile/shared_bodies.h"
#include "generators/spec/schedule.h"
#include "generators/spec/target.h"
#include "sepconv/detail/kernel_abi.h"

namespace sepconv::generators {

namespace fs = std::filesystem;

std::string generator_identity(const fs::path& generator) {
  struct Known {
    fs::file_time_type time;
    std::uintmax_t size;
    std::string hash;
  };
  static std::mutex mutex;
  static std::map<fs::path, Known> known;
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(generator, error);
  const std::uintmax_t size = error ? 0 : fs::file_size(generator, error);
  if (error)
    throw std::runtime_error(
        fmt::format("the kernel compiler '{}' cannot be found: {}", generator.string(), error.message()));
  const std::lock_guard lock(mutex);
  Known& entry = known[generator];
  if (entry.hash.empty() || entry.time != time || entry.size != size)
    entry = {time, size, content_hash(read_file(generator))};
  return entry.hash;
}

std::string kernel_key(const KernelTexts& texts, const std::string& identity) {
  return content_hash(fmt::format("sepconv-kernel\nabi {}\nproblem {}\nschedule {} {}\ntarget {} {}\ngenerator {}\n",
                                  kKernelAbi, texts.problem, kScheduleVersion, texts.schedule, texts.target,
                                  target_from_name(texts.target).halide, identity));
}

KernelCompiler::KernelCompiler(fs::path generator, const std::optional<fs::path>& cache_dir)
    : generator_(std::move(generator)), identity_(generator_identity(generator_)) {
  if (cache_dir) cache_.emplace(*cache_dir);
}

std::optional<KernelObject> KernelCompiler::cached(const KernelTexts& texts) const {
  const std::string key = kernel_key(texts, identity_);
  return cache_ ? cache_->load(key) : std::nullopt;
}

KernelCompiler::Compiled KernelCompiler::compile(const KernelTexts& texts, const fs::path& folder,
                                                 const ProcessLimits& limits) const {
  const std::string key = kernel_key(texts, identity_);
  const fs::path own_folder = folder / key;  // the generator's files are named by the symbol, the same for all kernels
  fs::create_directory(own_folder);
  Compiled compiled{run_generator(texts, own_folder, limits), {}};
  if (cache_) compiled.not_kept = cache_->store(key, compiled.object);
  return compiled;
}

KernelObject KernelCompiler::run_generator(const KernelTexts& texts, const fs::path& folder,
                                           const ProcessLimits& limits) const {
  const std::string symbol = kPlaceholderSymbol;
  ProcessResult result = run_process({generator_.string(), "--problem", texts.problem, "--schedule", texts.schedule,
                                      "--target", texts.target, "--symbol", symbol, "--output", folder.string()},
                                     limits);
  if (!result.ok()) {
    const std::string reason = end_text(result, limits);
    throw GeneratorFailure(std::move(result), reason);
  }
  try {
    KernelObject object{facts_from_json(read_file(folder / (symbol + ".json"))), read_file(folder / (symbol + ".o"))};
    if (object.bytes.empty()) throw std::runtime_error("the object file is empty");
    return object;
  } catch (const std::exception& error) {
    throw GeneratorFailure(std::move(result), std::string("the generator's output is unusable: ") + error.what());
  }
}

}  // namespace sepconv::generators
