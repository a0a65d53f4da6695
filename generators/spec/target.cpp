#include "generators/spec/target.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace sepconv::generators {
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

bool serves(const Target& target, DataType dtype) {
  return target.types.empty() || std::find(target.types.begin(), target.types.end(), dtype) != target.types.end();
}

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
      return target.device == Device::cpu && is_native(target) && target.experimental.empty();
    });
    return native;
  }();
  return targets;
}

bool is_native(const Target& target) { return target.arch == kNativeArch && target.os == kNativeOs; }

std::string to_text(Arch arch) {
  constexpr const char* kNames[] = {"x86-64", "arm-64"};
  return kNames[static_cast<int>(arch)];
}

std::string to_text(Os os) {
  constexpr const char* kNames[] = {"linux", "osx", "android"};
  return kNames[static_cast<int>(os)];
}

std::string to_text(Device device) {
  constexpr const char* kNames[] = {"cpu", "cuda", "opencl"};
  return kNames[static_cast<int>(device)];
}

std::string system_text(const Target& target) { return to_text(target.arch) + " " + to_text(target.os); }

const Target& target_from_name(std::string_view name) {
  for (const RefusedTarget& refused : refused_targets())
    if (refused.name == name)
      throw std::invalid_argument("target: '" + std::string(name) + "' is refused: " + std::string(refused.reason));
  std::string known;
  for (const Target& target : all_targets()) {
    if (target.name == name) return target;
    known += (known.empty() ? "" : ", ") + target.name;
  }
  throw std::invalid_argument("target: unknown name '" + std::string(name) + "'; expected one of " + known);
}

}  // namespace sepconv::generators
