#pragma once
// The steps and tensors of a network as people read them, for the tables of `inspect` and `bench`.

#include <cstdint>
#include <string>

#include "sepconv/detail/network_plan.h"

namespace sepconv::tools {

/// "dw 3x3 s2 bias+relu6, conv 1x1 bias": the stages with their windows, and what follows them.
std::string step_words(const ConvProblem& problem);

/// "112x112x32"; "10*28x28x1" for 10 images in each of the batch.
std::string shape_words(const NetworkTensor& tensor);

/// "1.5 KB", "12.3 MB"; 1 KB is 1024 bytes.
std::string bytes_words(double bytes);

/// "1 step", "3 steps".
std::string count_words(std::int64_t count, const char* noun);

/// What a step costs for a batch of one.
struct StepCost {
  double flops = 0;
  double weight_bytes = 0;
  double tensor_bytes = 0;  // input and operands read once, output written once
};
StepCost cost_of_step(const NetworkPlan& network, const NetworkStep& step);

/// Bytes of a tensor's own elements.
double own_bytes(const NetworkTensor& tensor);

}  // namespace sepconv::tools
