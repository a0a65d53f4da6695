#pragma once
// WHERE a kernel runs: one entry per target. A new target is a new entry in target.cpp.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/data_type.h"

namespace sepconv {

struct Target {
  std::string name;                  // "x86-64-avx2": the command line, the lockfile, the symbol
  std::string halide;                // Halide target string without the features that every CPU kernel gets
  int lanes = 4;                     // float32 elements in a vector register
  int registers = 16;                // vector registers
  std::int64_t l1_bytes = 32 << 10;  // data cache of one core
  std::int64_t l2_bytes = 256 << 10;
  std::uint64_t required_features = 0;  // CpuFeature bits (kernel_row.h)
  int rank = 0;                         // preference among the rows of one problem on a CPU that can run several
};

/// All targets, sorted by name.
const std::vector<Target>& all_targets();

/// @throws std::invalid_argument naming the unknown name and the known ones.
const Target& target_from_name(std::string_view name);

/// The target as kernels of this type see it: half the lanes for float64, whose sums are twice as wide.
Target target_for_type(Target target, DataType dtype);

}  // namespace sepconv
