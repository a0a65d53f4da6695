#pragma once
// Kernels written by hand after the contract of kernel_abi.h, so that the runtime is tested without the compiler.

#include <cstdint>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/compiled_kernel.h"
#include "sepconv/detail/conv_weights.h"

namespace sepconv::test {

/// How a fake kernel is compiled, so to say.
struct FakeOptions {
  std::string symbol;  // unique in the process
  std::string target = "fake";
  std::uint64_t required_features = 0;
  int rank = 0;
  int depthwise_panel = 4;
  int pointwise_panel = 8;
  bool flat_output = false;
  std::uint64_t call_scratch_bytes = 0;  // allocated and filled with NaN by each call
  int error = 0;                         // returned in place of computing
};

/// A kernel whose kernel computes `problem` from packed weights, a parallel task an image kernel; each task keeps its
/// depthwise results in scratch. Lives as long as the process; so does its table.
const CompiledKernel& add_fake_kernel(const ConvProblem& problem, const FakeOptions& options);
/// A table of one kernel, not yet registered.
const KernelTable& fake_table(const std::string& library, const CompiledKernel& kernel);
/// add_fake_kernel, and use_kernels of its table.
const CompiledKernel& register_fake_kernel(const ConvProblem& problem, const FakeOptions& options);

/// How often fake kernels have been called, in this process.
int fake_calls();

/// Weights of small integers, different at each place.
ConvWeights integer_weights(const ConvProblem& problem);
std::vector<float> integer_values(std::size_t count, int seed);

/// The definition, in double, from Keras' weights: `input` and the result dense, in the problem's layout.
std::vector<float> naive_conv(const ConvProblem& problem, const ConvWeights& weights, const std::vector<float>& input,
                              std::int64_t batch);

std::size_t input_elements(const ConvProblem& problem);  // of one image
std::size_t output_elements(const ConvProblem& problem);

}  // namespace sepconv::test
