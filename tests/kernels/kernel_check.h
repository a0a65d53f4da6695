#pragma once
// Calls one compiled kernel on memory that shows every wrong access, and compares the result with the double reference.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/executor.h"
#include "tests/kernels/fenced_buffer.h"

namespace sepconv::test {

/// What the input holds.
enum class Values {
  integers,  // small: the result must be exact, where the epilogues allow it
  reals,     // the result must be within the reference's limits
  nan,       // integers, with a NaN in one element
  infinity,  // integers, with an infinity in one element
};

/// How a kernel is called.
struct TestCall {
  std::int64_t batch = 1;
  std::int64_t in_gap = 0, out_gap = 0;  // elements between one image and the next
  Fence fence = Fence::after;            // of input, output and workspace
  Values values = Values::integers;
  std::uint64_t seed = 1;
};

/// Why this machine cannot run the kernel, or nothing.
std::optional<std::string> cannot_run_here(const CompiledKernel& kernel);

/// Runs the kernel once, with a NaN-filled workspace of exactly workspace_bytes().
/// @param kernel      a registered kernel.
/// @param problem  with static extents; one that the kernel serves.
/// @returns nothing, or what is wrong: the status, a value, a write outside the images or the workspace. An access
///          across a fence ends the process.
std::optional<std::string> fault_of(const CompiledKernel& kernel, const ConvProblem& problem, const TestCall& call,
                                    Executor& executor = single_thread());

/// One problem with static extents for each edge of the tiles of a kernel with dynamic ones: outputs of 1, tile - 1,
/// tile, tile + 1 and a prime of columns and kernels, under "valid", "same" and uneven pads; halos wider than the
/// input.
std::vector<ConvProblem> shapes_around(const CompiledKernel& kernel);

/// A name for a test's parameter: the kernel's symbol.
std::string kernel_test_name(const CompiledKernel& kernel);

}  // namespace sepconv::test
