#pragma once
// The generator's output for one kernel, and the cache that keeps it.

#include <filesystem>
#include <optional>
#include <string>

#include "generators/spec/kernel_facts.h"

namespace sepconv::generators {

struct KernelObject {
  KernelFacts facts;
  std::string bytes;  // the object file, its function still under kPlaceholderSymbol
};

/// A folder of compiled kernels, one checked file each, named by a hash of all that the object depends on. Several
/// processes may use one folder at a time.
class ObjectCache {
 public:
  explicit ObjectCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The kernel, or nothing when there is none or its file is damaged (a later store replaces it).
  std::optional<KernelObject> load(const std::string& key) const;

  /// Keeps the kernel.
  /// @return nothing, or why the folder cannot be written: a cache that fails costs time, never a build.
  std::optional<std::string> store(const std::string& key, const KernelObject& object) const;

 private:
  std::filesystem::path path_of(const std::string& key) const;
  std::filesystem::path folder_;
};

}  // namespace sepconv::generators
