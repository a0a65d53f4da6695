#include "runner/network_io.h"

#include <algorithm>
#include <stdexcept>

#include "runner/layer_run.h"
#include "runner/seeded.h"
#include "runtime/core/network_ports.h"

namespace sepconv::runner {
namespace {

std::vector<NetworkTensorInfo> infos_of(const NetworkPlan& network, const std::vector<std::int32_t>& tensors) {
  std::vector<NetworkTensorInfo> infos;
  for (const std::int32_t tensor : tensors) infos.push_back(detail::make_port(network, tensor).info);
  return infos;
}

bool holds(const NpyArray& array, DataType dtype) {
  try {
    NpyArray{array.dtype, {0}, {}}.doubles_of(dtype);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

}  // namespace

std::vector<NetworkTensorInfo> network_inputs(const NetworkPlan& network) { return infos_of(network, network.inputs); }
std::vector<NetworkTensorInfo> network_outputs(const NetworkPlan& network) {
  return infos_of(network, network.outputs);
}

std::string port_text(const NetworkTensorInfo& port) {
  return "'" + port.name + "', " + keras_name(port.dtype) + " " + to_text(keras_shape(port, kDynamic));
}

std::int64_t checked_batch(const NetworkTensorInfo& port, const NpyArray& array, const std::string& what,
                           bool exact_type) {
  if (!holds(array, port.dtype) && (exact_type || array.dtype != "<f8"))
    throw std::invalid_argument(what + ": elements of type " + array.dtype + "; expected " + port_text(port) +
                                (port.dtype == DataType::bfloat16 ? ", its bits as <u2" : ""));
  const std::int64_t first = array.shape.empty() ? 0 : array.shape[0];
  if (!array.shape.empty() && array.shape == keras_shape(port, first)) return first;
  if (!array.shape.empty() && first % port.images == 0 && array.shape == run_shape(port, first / port.images))
    return first / port.images;
  throw std::invalid_argument(what + ": shape " + shape_text(array.shape) + "; expected " + port_text(port) +
                              ", with the batch for None");
}

Shape run_shape(const NetworkTensorInfo& port, std::int64_t batch) {
  Shape shape = port.shape;
  shape[0] = batch * port.images;
  return shape;
}

Shape keras_shape(const NetworkTensorInfo& port, std::int64_t batch) {
  Shape shape = port.shape;
  shape[0] = batch;
  if (port.images != 1) shape.insert(shape.begin() + 1, port.images);
  return shape;
}

std::vector<double> seeded_values(const NetworkTensorInfo& port, std::int64_t batch, std::uint64_t seed) {
  return real_numbers(static_cast<std::int64_t>(elements(run_shape(port, batch))), port.dtype, seed);
}

void join_batch(std::int64_t own, const std::string& what, std::int64_t& batch) {
  if (batch < 0) batch = own;
  if (own != batch)
    throw std::invalid_argument(what + " has a batch of " + std::to_string(own) + "; that of the first input is " +
                                std::to_string(batch));
}

std::vector<double> values_of(const NetworkTensorInfo& port, const NpyArray& array) {
  return array.dtype == "<f8" ? array.doubles() : array.doubles_of(port.dtype);
}

}  // namespace sepconv::runner
