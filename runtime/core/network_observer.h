#pragma once
// What benchmarks and other runtimes need of a network: its plan, and a run that reports when each step begins and
// ends.

#include <cstddef>

#include "sepconv/network.h"

namespace sepconv::detail {

/// Is called by the thread that runs the network.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void begin(std::size_t /*step*/) noexcept {}
  virtual void end(std::size_t /*step*/) noexcept {}
};

/// A friend of Network.
struct NetworkAccess {
  static const NetworkPlan& plan(const Network& network) noexcept;

  /// As Network::run. A step that is left out, as a copy in place, begins and ends too.
  static Status run(const Network& network, const RunContext& context, const ConstTensorView* inputs,
                    std::size_t input_count, const TensorView* outputs, std::size_t output_count,
                    StepObserver* observer) noexcept;
};

}  // namespace sepconv::detail
