#pragma once
// WHERE a kernel runs: one entry per target. A new target is a new entry in targets_x86.cpp, targets_arm.cpp or
// targets_gpu.cpp, and touches no other file if its CPU features are known (runtime/core/feature_table.h).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "generators/spec/rule_policy.h"
#include "sepconv/detail/data_type.h"

namespace sepconv::generators {

enum class Arch : std::uint8_t { x86_64, arm_64 };
enum class Os : std::uint8_t { linux, osx, android };
/// What runs a kernel's loops. A GPU's kernels are called from a CPU of the entry's arch and os.
enum class Device : std::uint8_t { cpu, cuda, opencl };

struct Target {
  std::string name;                  // "x86-64-avx2": the command line, the lockfile, the symbol
  std::string halide;                // Halide target string without the features that every kernel gets
  int lanes = 4;                     // float32 elements in a vector register; in a GPU's warp
  int registers = 16;                // vector registers; of a GPU: 32-bit registers that a thread may have
  std::int64_t l1_bytes = 32 << 10;  // data cache of one core; of a GPU: shared memory that a block may have
  std::int64_t l2_bytes = 256 << 10;
  std::uint64_t required_features = 0;  // CpuFeature bits (compiled_kernel.h)
  bool fuses_multiply_add = false;      // one instruction multiplies and adds
  bool converts_float16 = false;        // instructions convert between float16 and float32
  RulePolicy rules;                     // of a CPU: how schedules are picked
  int rank = 0;                         // preference among the rows of one problem on a machine that can run several
  Arch arch = Arch::x86_64;
  Os os = Os::linux;
  Device device = Device::cpu;
  std::string experimental;     // why the row is compiled only when it is named; empty for those that are shipped
  std::vector<DataType> types;  // that its rows are for; empty: all
};

/// Whether the target has rows for this type.
bool serves(const Target& target, DataType dtype);

/// All targets, sorted by name.
const std::vector<Target>& all_targets();

/// The shipped CPU targets of the machine that this program was built for, sorted by name.
const std::vector<Target>& native_cpu_targets();

/// Whether the target's architecture and operating system are those that this program was built for.
bool is_native(const Target& target);

std::string to_text(Arch arch);      // "x86-64"
std::string to_text(Os os);          // "linux"
std::string to_text(Device device);  // "cpu"
/// "x86-64 linux": the same for all objects of a library.
std::string system_text(const Target& target);

/// A target that people ask for, and why there is none.
struct RefusedTarget {
  std::string_view name, reason;
};
const std::vector<RefusedTarget>& refused_targets();

/// @throws std::invalid_argument naming the unknown name and the known ones, or why the target is refused.
const Target& target_from_name(std::string_view name);

// Parts of all_targets().
std::vector<Target> x86_targets();
std::vector<Target> arm_targets();
std::vector<Target> gpu_targets();

}  // namespace sepconv::generators
