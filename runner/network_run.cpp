#include "runner/network_run.h"

#include <utility>

#include "runner/layer_run.h"
#include "runner/network_io.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {
NetworkCall::NetworkCall(const Network& network, Executor& executor, std::int64_t batch, const PortValues& inputs)
    : network_(network),
      executor_(executor),
      batch_(batch),
      workspace_(network.workspace_bytes(batch, {.executor = &executor})) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const NetworkTensorInfo& port = network.inputs()[i];
    inputs_.push_back(make_tensor(inputs[i], run_shape(port, batch), port.dtype));
  }
  for (const NetworkTensorInfo& port : network.outputs())
    outputs_.emplace_back(elements(run_shape(port, batch)) * size_bytes(port.dtype));
}

std::string NetworkCall::run(detail::StepObserver* observer) {
  std::vector<ConstTensorView> in;
  std::vector<TensorView> out;
  for (const Tensor& tensor : inputs_) in.push_back(tensor.view());
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const NetworkTensorInfo& port = network_.outputs()[i];
    out.push_back(dense_view(outputs_[i].data(), port.dtype, run_shape(port, batch_)));
  }
  const RunContext context{&executor_, {workspace_.data(), workspace_.bytes()}};
  const Status status =
      detail::NetworkAccess::run(network_, context, in.data(), in.size(), out.data(), out.size(), observer);
  if (!status.ok()) return std::string(to_text(status.code())) + ": " + status.message();
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (!outputs_[i].intact()) return "wrote outside the output '" + network_.outputs()[i].name + "'";
  return workspace_.intact() ? "" : "wrote outside the workspace";
}

PortValues NetworkCall::outputs() const {
  PortValues values;
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const NetworkTensorInfo& port = network_.outputs()[i];
    values.push_back(to_doubles(dense_view(outputs_[i].data(), port.dtype, run_shape(port, batch_))));
  }
  return values;
}

const std::byte* NetworkCall::workspace() const { return static_cast<const std::byte*>(workspace_.data()); }

}  // namespace sepconv::runner
