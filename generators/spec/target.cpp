#include "target.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace sepconv {
namespace {

std::vector<Target> sorted(std::vector<Target> targets) {
  std::sort(targets.begin(), targets.end(), [](const Target& a, const Target& b) { return a.name < b.name; });
  return targets;
}

#if defined(__aarch64__)
constexpr Arch kNativeArch = Arch::arm_64;
#else
constexpr Arch kNativeArch = Arch::x86_64;
#endif
#if defined(__APPLE__)
constexpr Os kNativeOs = Os::osx;
#elif defined(__ANDROID__)
constexpr Os kNativeOs = Os::android;
#else
constexpr Os kNativeOs = Os::linux;
#endif

}  // namespace

const std::vector<Target>& all_targets() {
  static const std::vector<Target> targets = [] {
    std::vector<Target> all = x86_targets();
    for (const std::vector<Target>& part : {arm_targets(), gpu_targets()})
      all.insert(all.end(), part.begin(), part.end());
    return sorted(std::move(all));
  }();
  return targets;
}

const std::vector<Target>& native_cpu_targets() {
  static const std::vector<Target> targets = [] {
    std::vector<Target> native;
    std::copy_if(all_targets().begin(), all_targets().end(), std::back_inserter(native), [](const Target& target) {
      return target.device == Device::cpu && target.arch == kNativeArch && target.os == kNativeOs &&
             target.experimental.empty();
    });
    return native;
  }();
  return targets;
}

const Target& target_from_name(std::string_view name) {
  std::string known;
  for (const Target& target : all_targets()) {
    if (target.name == name) return target;
    known += (known.empty() ? "" : ", ") + target.name;
  }
  throw std::invalid_argument("target: unknown name '" + std::string(name) + "'; expected one of " + known);
}

Target target_for_type(Target target, DataType dtype) {
  if (dtype == DataType::float64) target.lanes /= 2;
  return target;
}

}  // namespace sepconv
