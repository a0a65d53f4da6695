#pragma once
// What only the compilation of a kernel finds out and its callers must know: plain data with one JSON form.

#include <cstdint>
#include <string>

namespace sepconv::generators {

/// CompiledKernel explains the fields.
struct KernelFacts {
  std::uint64_t call_scratch_bytes = 0;
  std::uint64_t task_scratch_bytes = 0;
  int flat_output = 0;
  int depthwise_panel = 0;
  int pointwise_panel = 0;

  friend bool operator==(const KernelFacts&, const KernelFacts&) = default;
};

/// The format of kernel.json, in which sepconv-builder gives a trial its texts and facts, and sepconv-runner reads
/// them.
inline constexpr int kTrialKernelFormat = 1;

/// One line: the generator's SYMBOL.json, a part of the entries of the cache and of a trial's kernel.json.
std::string to_json(const KernelFacts& facts);

/// @throws std::invalid_argument naming the field that is missing, unknown or out of range.
KernelFacts facts_from_json(const std::string& text);

}  // namespace sepconv::generators
