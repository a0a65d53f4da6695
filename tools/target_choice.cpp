#include "tools/target_choice.h"

#include <fmt/format.h>

#include <stdexcept>

#include "runtime/core/cpu_features.h"

namespace sepconv::tools {

std::string cannot_run_here(const generators::Target& target) {
  if (target.device != generators::Device::cpu || !is_native(target)) return "is not for this machine's kind of CPU";
  const std::uint64_t missing = target.required_features & ~detected_cpu_features();
  return missing == 0 ? "" : fmt::format("needs {}, which this CPU lacks", cpu_feature_names(missing));
}

const generators::Target& best_target_here(DataType dtype) {
  const generators::Target* best = nullptr;
  for (const generators::Target& target : generators::native_cpu_targets())
    if (cannot_run_here(target).empty() && serves(target, dtype) && (best == nullptr || target.rank > best->rank))
      best = &target;
  if (best == nullptr)
    throw std::invalid_argument("this CPU cannot run any target; `sepconv targets` shows what it lacks");
  return *best;
}

}  // namespace sepconv::tools
