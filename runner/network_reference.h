#pragma once
// A whole network in double, step by step, and what its kernels leave in memory in the same form.

#include <cstdint>
#include <vector>

#include "runner/reference.h"
#include "sepconv/detail/network_plan.h"
#include "sepconv/weights_file.h"

namespace sepconv::runner {

/// The values of each input or output of a network, dense, in their order.
using PortValues = std::vector<std::vector<double>>;

/// A network's memory for a batch. Each base tensor has its own, also where the memory plan lets several share it.
struct NetworkValues {
  std::int64_t batch = 1;
  std::vector<std::vector<double>> bases;  // [batch * images, ...] of each tensor that is a base; else empty

  /// The elements of any tensor, dense: [batch * images, ...].
  std::vector<double> of(const NetworkPlan& network, std::int32_t tensor) const;
  void set(const NetworkPlan& network, std::int32_t tensor, const std::vector<double>& values);
};

/// The elements of a tensor, dense.
/// @param base  the memory of its base, elements of the tensor's type
std::vector<double> tensor_values(const NetworkPlan& network, std::int32_t tensor, std::int64_t batch,
                                  const void* base);

/// Runs all steps in double: nothing is rounded between them. Weights are rounded to the type of their problem, as
/// those of kernels are, and inputs to that of their tensors.
/// @param layers   the problem and weights of each step, by name
/// @param inputs   [batch * images, ...]
/// @param threads  that share the work of a step; the result does not depend on it
/// @throws std::invalid_argument for a plan that breaks its rules, a step without weights, or inputs of other sizes.
NetworkValues network_reference(const NetworkPlan& network, const std::vector<NamedWeights>& layers, std::int64_t batch,
                                const PortValues& inputs, int threads = 1);

/// The weights of a step.
/// @throws std::invalid_argument if there are none.
const NamedWeights& weights_of_step(const std::vector<NamedWeights>& layers, const NetworkStep& step);

}  // namespace sepconv::runner
