#pragma once
// Calls a whole network on values.

#include <cstdint>
#include <string>
#include <vector>

#include "runner/compare.h"
#include "runner/network_reference.h"
#include "runtime/core/network_observer.h"
#include "sepconv/executor.h"
#include "sepconv/network.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {

/// One call of a network, with outputs and a workspace of exactly workspace_bytes() that start as NaN, between guards.
class NetworkCall {
 public:
  /// @param inputs  dense; rounded once to the network's types
  /// @throws std::invalid_argument if a step has no kernel
  NetworkCall(const Network& network, Executor& executor, std::int64_t batch, const PortValues& inputs);

  /// @return empty, or what went wrong: the status's message, or a write outside the outputs or the workspace
  std::string run(detail::StepObserver* observer = nullptr);

  std::int64_t batch() const { return batch_; }
  PortValues outputs() const;
  /// Where the tensors in the workspace begin.
  const std::byte* workspace() const;
  const void* input(std::size_t port) const { return inputs_[port].bytes(); }
  const void* output(std::size_t port) const { return outputs_[port].data(); }

 private:
  const Network& network_;
  Executor& executor_;
  std::int64_t batch_;
  std::vector<Tensor> inputs_;
  std::vector<GuardedBuffer> outputs_;
  GuardedBuffer workspace_;
};

}  // namespace sepconv::runner
