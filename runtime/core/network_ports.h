#pragma once
// The tensors of a network as views: those of its callers are checked, and those of its steps are made for a call.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/core/view_checks.h"
#include "sepconv/network.h"

namespace sepconv::detail {

/// A tensor as a step reads or writes it: all that does not depend on the call.
struct BoundTensor {
  enum class Memory : std::uint8_t { workspace, input, output };

  Memory memory = Memory::workspace;
  std::size_t port = 0;           // which input or output
  std::int64_t offset_bytes = 0;  // in the workspace, for a batch of one
  std::int64_t first_bytes = 0;   // from the beginning of the base
  std::int64_t images = 1;
  std::int64_t image_pitch = 0;  // between images, elements
  bool callers_pitch = false;    // that of the caller's view instead
  ConstTensorView view;          // without data, batch and pitch of the batch
};

/// The place of a base among the inputs or outputs; their number if it is not there.
std::size_t port_of(const NetworkPlan& plan, const std::vector<std::int32_t>& ports, std::int32_t base);

/// Binds a tensor to its place.
/// @param extents  of its images as the step's problem sees them
/// @param rank3    without H
BoundTensor bind_tensor(const NetworkPlan& plan, std::int32_t tensor, Layout layout, const Extents& extents,
                        const Pitches& pitches, bool rank3);

/// The tensors of a step.
struct StepTensors {
  BoundTensor input, output;
  std::vector<BoundTensor> operands;
  bool in_place = false;  // a copy onto itself: there is nothing to do
};
StepTensors bind_step(const NetworkPlan& plan, const NetworkStep& step);

/// An input or output: what a view of it must be. Axes beyond those of a view are images, as time steps are.
struct Port {
  NetworkTensorInfo info;
  std::int64_t image_elements = 0;
  bool dense_batch = false;  // some step sees it with another number of images
};
Port make_port(const NetworkPlan& plan, std::int32_t tensor);

/// Compares a caller's view with its port, all but its memory; `batch` is set by the first view, where it is -1.
bool check_port(const char* kind, const Port& port, const ConstTensorView& view, std::int64_t& batch,
                Status& status) noexcept;

/// Checks pointer, alignment and pitches of a view that has passed check_port and has elements.
bool check_port_memory(const char* kind, const Port& port, const ConstTensorView& view, bool is_output,
                       Status& status) noexcept;

/// Most inputs and outputs of a network.
inline constexpr std::size_t kMostPorts = 64;

/// The inputs and outputs of a network.
struct Ports {
  /// @throws std::invalid_argument for more than kMostPorts.
  explicit Ports(const NetworkPlan& plan);

  /// Compares the views of a call with the ports, all but their memory.
  /// @param batch  receives theirs
  template <class In, class Out>
  bool check(const In* in, std::size_t in_count, const Out* out, std::size_t out_count, std::int64_t& batch,
             Status& status) const noexcept {
    if (!check_counts(in_count, out_count, status)) return false;
    batch = -1;
    for (std::size_t i = 0; i < in_count; ++i)
      if (!check_port("input", inputs[i], in[i], batch, status)) return false;
    for (std::size_t i = 0; i < out_count; ++i)
      if (!check_port("output", outputs[i], out[i], batch, status)) return false;
    return true;
  }

  std::vector<Port> inputs, outputs;
  std::vector<NetworkTensorInfo> input_infos, output_infos;

 private:
  bool check_counts(std::size_t in_count, std::size_t out_count, Status& status) const noexcept;
};

/// The view's memory; it has passed check_port_memory.
Images images_of_port(const Port& port, const ConstTensorView& view) noexcept;

}  // namespace sepconv::detail
