#pragma once
// From planned layers to the kernels of a library: which kernels are compiled, with which schedule, under which symbol.

#include <string>
#include <vector>

#include "generators/compile/schedule_source.h"
#include "generators/spec/gpu_schedule.h"
#include "generators/spec/target.h"
#include "sepconv/plan.h"

namespace sepconv::generators {

/// One kernel of a library, before it is compiled.
struct PlannedKernel {
  ConvProblem problem;
  Target target;
  Schedule schedule;
  bool from_source = false;         // the schedule came from the ScheduleSource, not from the rule
  std::vector<std::string> layers;  // names of the layers that it serves
  std::string key;                  // 32 hex digits: everything that the object's bytes depend on
  std::string symbol;  // library name + problem text + the key's first digits; a C identifier under 200 characters

  /// The function's name in its object file, as long as that of the placeholder which the generator writes. `symbol`
  /// replaces it when the archive is made; the names of its loops keep it, so no other library has it.
  std::string object_symbol() const;
};

/// Whether any of them runs on a GPU, and so calls libsepconv_gpu.
bool has_device_kernels(const std::vector<PlannedKernel>& kernels);

struct PlannedKernelOptions {
  std::string library;               // as checked by check_library_name
  std::vector<std::string> targets;  // names, each once
  bool dynamic = false;              // also a dynamic-extent kernel for each static one
  bool locked = false;               // refuse kernels without a row in `schedules`
  int threads = 1;                   // per call; sizes the rule's blocks
  const ScheduleSource* schedules = nullptr;
  std::string generator_identity;  // changes whenever the generator may produce other bytes
};

/// One kernel for each distinct problem of the plan's layers and network and each target, in the order of (problem
/// text, target name). Targets that cannot run the whole network get none that only the network needs.
/// @throws std::invalid_argument for an unknown or repeated target, a schedule that reject_reason refuses, and a kernel
///   that `schedules` lacks when locked.
std::vector<PlannedKernel> plan_kernels(const Plan& plan, const PlannedKernelOptions& options);

/// Moves the layers for which neither `schedules` nor the rule has a schedule on any of the targets to the plan's
/// skipped ones, with the reason: one layer whose scratch cannot be addressed must not stop the others. A network that
/// neither the CPU targets nor any GPU target can run is removed; why_no_network says why.
void skip_layers_without_schedule(Plan& plan, const std::vector<std::string>& targets, int threads,
                                  const ScheduleSource* schedules);

/// The names of native_cpu_targets(), the default targets of a library.
std::vector<std::string> default_target_names();

}  // namespace sepconv::generators
