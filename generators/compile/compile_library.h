#pragma once
// The compile driver: a plan in, a library of kernels out. It runs the generator as a program, one process a kernel,
// and links no Halide.

#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "generators/compile/code_sizes.h"
#include "generators/compile/planned_kernels.h"
#include "generators/compile/schedule_source.h"
#include "generators/compile/toolchain.h"
#include "sepconv/plan.h"

namespace sepconv::generators {

/// Receives the progress of a build. Calls come from several threads, one at a time.
class CompileObserver {
 public:
  virtual ~CompileObserver() = default;
  /// All kernels are known: `cached` of them need no compilation.
  virtual void begin(std::size_t /*kernels*/, std::size_t /*cached*/) {}
  virtual void kernel_started(const PlannedKernel&) {}
  virtual void kernel_finished(const PlannedKernel&, double /*seconds*/) {}
  /// A line that the user should see: something was not done as requested.
  virtual void note(const std::string& /*line*/) {}
  /// The kernels are done, with or without success.
  virtual void end() {}
};

struct CompileOptions {
  std::string name;  // the library's; see check_library_name
  std::filesystem::path output_dir;
  std::vector<std::string> targets = default_target_names();
  bool dynamic = false;                        // also a dynamic-extent kernel for each static one
  bool shared = false;                         // lib<name>.so, which exports one symbol, instead of lib<name>.a
  bool locked = false;                         // refuse rows that `schedules` lacks
  bool measure = false;                        // report the sizes of the kernels
  int threads = 1;                             // per call; sizes the rule's blocks
  bool embed = false;                          // the weights file is a part of the archive too
  DataType weights_dtype = DataType::float32;  // float16 and bfloat16: float32 weights are stored in 16 bits
  const ScheduleSource* schedules = nullptr;
  bool note_rules = true;  // a note for each kernel that `schedules` lacks
  /// The text of <name>.lock.json for the kernels of the library; no such file is written without it.
  std::function<std::string(const std::vector<PlannedKernel>&)> lockfile_text;
  int jobs = 0;                                    // kernels compiled in parallel; 0 = one per core
  double kernel_seconds = 120;                     // time limit of one kernel, and of each tool
  std::optional<std::filesystem::path> cache_dir;  // keeps compiled kernels; nothing = compile all
  std::filesystem::path generator;                 // the sepconv-generator program
  ToolSettings tools = tool_settings_from_environment();
  std::filesystem::path include_dir;             // holds sepconv/detail/compiled_kernel.h; read for `shared` only
  const std::atomic<bool>* cancelled = nullptr;  // stops the build soon after it becomes true
  CompileObserver* observer = nullptr;
};

struct CompileResult {
  std::vector<PlannedKernel> kernels;
  std::vector<std::size_t> bodies;  // for each kernel the one whose object it shares; its own index if none
  std::vector<CodeSize> sizes;      // one per kernel, zero for those that share another's object; empty unless measured
  std::size_t cached = 0;           // kernels that the cache had
  std::vector<std::filesystem::path> files;    // the library's files
  std::vector<std::filesystem::path> written;  // those of them that changed
};

/// A build stopped because `cancelled` became true.
class CompileCancelled : public std::runtime_error {
 public:
  CompileCancelled() : std::runtime_error("compile: interrupted; nothing was written") {}
};

/// Compiles each distinct problem of the plan's layers and network for each target and writes, into the output folder,
/// lib<name>.a or .so, <name>.h, <name>.weights, <name>Config.cmake and <name>.lock.json, with a network also
/// <name>_predict.h and <name>_predict.cpp: all of them at the end, or none. Files that would not change are left
/// alone. The same plan, schedules, programs and options give the same bytes.
/// @throws std::invalid_argument for wrong options, a plan without layers and network, and what plan_kernels refuses.
/// @throws CompileCancelled
/// @throws std::runtime_error when a tool or the machine failed. A failed kernel is named by its layers, problem,
///   target and schedule, with the generator's message.
CompileResult compile_library(const Plan& plan, const CompileOptions& options);

/// $XDG_CACHE_HOME/sepconv or ~/.cache/sepconv; nothing when neither variable is set.
std::optional<std::filesystem::path> default_cache_dir();

}  // namespace sepconv::generators
