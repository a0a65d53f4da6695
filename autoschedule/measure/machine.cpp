#include "autoschedule/measure/machine.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <fstream>
#include <thread>

#include "runtime/core/cpu_features.h"

namespace sepconv::autoschedule {
namespace {

/// The first line of a file; empty where there is none. Device-tree texts end with a zero byte.
std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  while (!line.empty() && (line.back() == '\0' || line.back() == ' ')) line.pop_back();
  return line;
}

/// The value of the first line of /proc/cpuinfo with this field.
std::string cpuinfo(const std::string& field) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || !line.starts_with(field)) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

std::string cpu_model(const utsname& system) {
  std::string model = cpuinfo("model name");
  if (model.empty() && !cpuinfo("CPU part").empty())
    model = fmt::format("CPU implementer {} part {}", cpuinfo("CPU implementer"), cpuinfo("CPU part"));
  const std::string board = line_of("/proc/device-tree/model");
  if (!board.empty()) model += (model.empty() ? "" : " of ") + board;
  return model.empty() ? system.machine : model;
}

int usable_cores() {
#ifdef __linux__
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) return CPU_COUNT(&allowed);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::string cache_sizes() {
  std::string text;
  for (int index = 0;; ++index) {
    const std::string folder = fmt::format("/sys/devices/system/cpu/cpu0/cache/index{}/", index);
    const std::string level = line_of(folder + "level"), type = line_of(folder + "type");
    if (level.empty()) return text;
    if (type == "Instruction") continue;
    text +=
        fmt::format("{}L{}{} {}", text.empty() ? "" : ", ", level, type == "Data" ? "d" : "", line_of(folder + "size"));
  }
}

}  // namespace

Machine this_machine() {
  utsname system{};
  ::uname(&system);
  Machine machine;
  machine.cpu = cpu_model(system);
  machine.features = cpu_feature_names(detected_cpu_features());
  machine.cores = usable_cores();
  machine.caches = cache_sizes();
  machine.governor = line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (machine.governor.empty()) machine.governor = "none";
  machine.kernel = fmt::format("{} {} {}", system.sysname, system.release, system.machine);
  machine.guest = (" " + cpuinfo("flags") + " ").find(" hypervisor ") != std::string::npos;
  return machine;
}

std::string machine_name(const Machine& machine) {
  return fmt::format("{}, {} core{}", machine.cpu, machine.cores, machine.cores == 1 ? "" : "s");
}

std::string to_text(const Machine& machine) {
  std::string text = fmt::format("{}; features {}; governor {}; {}", machine_name(machine), machine.features,
                                 machine.governor, machine.kernel);
  if (!machine.caches.empty()) text += "; " + machine.caches;
  if (machine.guest) text += "; guest of a hypervisor";
  return text;
}

}  // namespace sepconv::autoschedule
