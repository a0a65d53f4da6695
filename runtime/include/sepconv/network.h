#pragma once
// A whole network of compiled layers, run by one call.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/detail/context.h"
#include "sepconv/detail/network_plan.h"
#include "sepconv/detail/network_table.h"
#include "sepconv/detail/status.h"
#include "sepconv/detail/tensor_view.h"
#include "sepconv/weights_file.h"

namespace sepconv {

class ConvLayer;

namespace detail {
struct NetworkAccess;
}

/// An input or output of a network.
struct NetworkTensorInfo {
  std::string name;
  DataType dtype = DataType::float32;
  Shape shape;  // of its views, with kDynamic for the first extent: {-1, 224, 224, 3}
  std::int64_t images =
      1;  // the first extent is the batch times this: the time steps of a model whose input has 5 axes
};

/// Layers that are called one after another, and the memory of the tensors between them. Copies are cheap and share the
/// weights. Each layer chooses its kernel as ConvLayer does. All const members may be called from several threads at
/// once.
class Network {
 public:
  /// @param weights  the problem and weights of each step, by name, in any order
  /// @throws std::invalid_argument for a plan that breaks its rules, or a step whose weights are missing or do not fit.
  Network(NetworkPlan plan, std::vector<NamedWeights> weights);
  // A move copies, so a moved-from network can still be called.
  Network(const Network&) = default;
  Network& operator=(const Network&) = default;

  const std::vector<NetworkTensorInfo>& inputs() const noexcept;
  const std::vector<NetworkTensorInfo>& outputs() const noexcept;
  /// The calls that run() makes, in order.
  const std::vector<NetworkStep>& steps() const noexcept;

  /// Computes the outputs, in the order of outputs(), from the inputs. All views have the same batch, and are dense but
  /// for the pitch of their first axis. No output may overlap an input, another output or the workspace.
  /// Never throws, aborts or prints. The outputs are untouched unless the status is ok or kernel_failed. With a
  /// workspace of at least workspace_bytes(), nothing is allocated once all kernels have been chosen, which the first
  /// call of run() or workspace_bytes() does. The number of threads does not change a bit of the outputs.
  Status run(const RunContext& context, const ConstTensorView* inputs, std::size_t input_count,
             const TensorView* outputs, std::size_t output_count) const noexcept;
  /// The same for a network of one input and one output.
  Status run(const RunContext& context, const ConstTensorView& input, const TensorView& output) const noexcept {
    return run(context, &input, 1, &output, 1);
  }

  /// Bytes of workspace that run() needs for that batch with the context's executor.
  /// @throws std::invalid_argument if a step has no kernel, or the batch is negative or too large.
  std::size_t workspace_bytes(std::int64_t batch = 1, const RunContext& context = {}) const;

  /// For each step, one line for each registered kernel: taken, or why it was refused.
  std::string why_not() const;

  /// Restricts all steps to the kernels of this target, and chooses now. An empty string lifts the restriction. Must
  /// not be called while another thread uses this object. Other copies are not affected.
  /// @throws std::invalid_argument naming a step that has no such kernel. The network is then unchanged.
  void force_kernel(std::string_view target);

  /// The layer of a step.
  const ConvLayer& layer(std::size_t step) const noexcept;

 private:
  friend struct detail::NetworkAccess;
  struct State;
  std::shared_ptr<const State> state_;
};

/// Loads the network of a weights file that `sepconv compile` wrote.
/// @throws std::invalid_argument if the file is damaged or holds no network.
Network load_network(const std::filesystem::path& weights_file);

/// Loads the network of a library that `sepconv compile --embed` made: load_network(name::network()).
/// @throws std::invalid_argument if the library has no embedded weights.
Network load_network(const NetworkTable& table);

}  // namespace sepconv
