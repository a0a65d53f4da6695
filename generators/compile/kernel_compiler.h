#pragma once
// The only way from texts to a compiled kernel, for libraries and trials: from the cache, or else by the generator in
// a child process.

#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include "generators/compile/kernel_object.h"
#include "generators/compile/process.h"
#include "generators/spec/kernel_texts.h"

namespace sepconv::generators {

/// The hash of the generator program, read again only when the file has changed. It covers the version of the Halide
/// that the program was built with; a libHalide that changes under an unchanged program needs an empty cache.
/// @throws std::runtime_error when the program cannot be read.
std::string generator_identity(const std::filesystem::path& generator);

/// A kernel's key in the cache and in symbols: 32 hex digits for the texts and everything else that its bytes depend
/// on.
/// @throws std::invalid_argument naming a target that is not known.
std::string kernel_key(const KernelTexts& texts, const std::string& identity);

/// The generator did not make a kernel. what() says how its process ended, or what is wrong with its files.
class GeneratorFailure : public std::runtime_error {
 public:
  GeneratorFailure(ProcessResult result, const std::string& reason)
      : std::runtime_error(reason), result_(std::move(result)) {}
  const ProcessResult& result() const { return result_; }

 private:
  ProcessResult result_;
};

class KernelCompiler {
 public:
  /// @param cache_dir  folder that caches compiled kernels; nothing = all are compiled
  /// @throws std::runtime_error when the generator cannot be read.
  KernelCompiler(std::filesystem::path generator, const std::optional<std::filesystem::path>& cache_dir);

  /// The kernel, if the cache has it.
  /// @throws std::invalid_argument naming a target that is not known.
  std::optional<KernelObject> cached(const KernelTexts& texts) const;

  struct Compiled {
    KernelObject object;
    std::optional<std::string> not_kept;  // why the cache folder cannot be written
  };

  /// Compiles the kernel, and keeps it in the cache.
  /// @param folder  an existing folder, in which the generator's files are left.
  /// @throws GeneratorFailure, also when cancelled; std::runtime_error when the generator cannot be started.
  Compiled compile(const KernelTexts& texts, const std::filesystem::path& folder, const ProcessLimits& limits) const;

 private:
  KernelObject run_generator(const KernelTexts& texts, const std::filesystem::path& folder,
                             const ProcessLimits& limits) const;

  std::filesystem::path generator_;
  std::string identity_;
  std::optional<ObjectCache> cache_;
};

}  // namespace sepconv::generators
