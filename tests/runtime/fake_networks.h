#pragma once
// Networks whose steps have fake kernels.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "runtime/core/memory_plan.h"
#include "sepconv/network.h"
#include "sepconv/tensor.h"
#include "tests/runtime/fake_kernels.h"
#include "tests/runtime/network_plans.h"

namespace sepconv::test {

/// Registers a fake kernel of each problem, once in the process.
inline void register_kernels(const NetworkPlan& plan) {
  static auto* const known = new std::set<std::string>;
  for (const NetworkStep& step : plan.steps)
    if (const std::string text = to_text(step.problem); known->insert(text).second)
      register_fake_kernel(step.problem, {.symbol = "network_" + std::to_string(known->size()),
                                          .target = "network-fake",
                                          .call_scratch_bytes = 100 * known->size()});
}

inline std::vector<NamedWeights> weights_of_steps(const NetworkPlan& plan) {
  std::vector<NamedWeights> weights;
  for (const NetworkStep& step : plan.steps)
    weights.push_back({step.layer, step.problem, integer_weights(step.problem)});
  return weights;
}

inline Network make(NetworkPlan plan) {
  detail::plan_memory(plan);
  register_kernels(plan);
  return Network(plan, weights_of_steps(plan));
}

inline Tensor image_of(std::int64_t batch, std::int64_t elements, const Shape& shape) {
  Tensor image(shape);
  const std::vector<float> values = integer_values(static_cast<std::size_t>(batch * elements), 3);
  std::copy(values.begin(), values.end(), image.data());
  return image;
}

}  // namespace sepconv::test
