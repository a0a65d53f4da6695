#pragma once
// The machine that made a measurement, so that figures of different machines are never mixed.

#include <string>

namespace sepconv::autoschedule {

struct Machine {
  std::string cpu;       // "AMD EPYC 7B13"; from the device tree or the architecture if the system names no CPU
  std::string features;  // as the runtime detects them: "sse4.1, avx, avx2, fma"
  int cores = 0;         // that this process may use
  std::string caches;    // of the first core: "L1d 32K, L2 512K, L3 32768K"; empty if the system does not report them
  std::string governor;  // frequency governor: "performance"; "none" if there is no choice, as in most guests
  std::string kernel;    // "Linux 6.1.0-18-amd64 x86_64"
  bool guest = false;    // of a hypervisor: other guests share its caches
};

/// The machine on which this process runs.
Machine this_machine();

/// "AMD EPYC 7B13, 2 cores": for headings.
std::string machine_name(const Machine& machine);

/// All of it on one line.
std::string to_text(const Machine& machine);

}  // namespace sepconv::autoschedule
