#include "runner/network_reference.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "runtime/core/network_graph.h"
#include "runtime/core/tensor_regions.h"
#include "sepconv/tensor.h"

namespace sepconv::runner {
namespace {

/// Calls f(place in the base's memory, count) for each run of consecutive elements of a tensor, in its order.
template <class F>
void each_run(const NetworkPlan& network, std::int32_t index, std::int64_t batch, F&& f) {
  const NetworkTensor &tensor = network.tensor(index), &base = network.tensor(tensor.base);
  if (tensor.images != base.images) {  // another number of images: all elements of the base
    f(std::size_t{0}, static_cast<std::size_t>(batch * tensor.images * detail::image_elements(tensor)));
    return;
  }
  const detail::Region region = detail::region_of(tensor);
  const std::int64_t image = detail::image_elements(base);
  for (std::int64_t n = 0; n < batch * tensor.images; ++n)
    for (std::int64_t h = 0; h < region.H; ++h)
      for (std::int64_t w = 0; w < region.W; ++w)
        f(static_cast<std::size_t>(n * image + region.first + h * region.row + w * region.pixel),
          static_cast<std::size_t>(region.C));
}

std::size_t elements_of_batch(const NetworkTensor& tensor, std::int64_t batch) {
  return static_cast<std::size_t>(batch * tensor.images * detail::image_elements(tensor));
}

/// The same problem in float64, with weights that are rounded to its own type.
NamedWeights in_double(const NamedWeights& layer) {
  NamedWeights exact{layer.name, layer.problem, {}};
  exact.problem.dtype = DataType::float64;
  for (const WeightArray& array : layer.weights.arrays) {
    std::vector<double> values = array.to_doubles();
    for (double& value : values) value = round_to(layer.problem.dtype, value);
    exact.weights.arrays.emplace_back(std::move(values));
  }
  return exact;
}

}  // namespace

std::vector<double> NetworkValues::of(const NetworkPlan& network, std::int32_t tensor) const {
  const std::vector<double>& base = bases[static_cast<std::size_t>(network.tensor(tensor).base)];
  std::vector<double> values;
  values.reserve(elements_of_batch(network.tensor(tensor), batch));
  each_run(network, tensor, batch, [&](std::size_t first, std::size_t count) {
    const auto begin = base.begin() + static_cast<std::ptrdiff_t>(first);
    values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
  });
  return values;
}

void NetworkValues::set(const NetworkPlan& network, std::int32_t tensor, const std::vector<double>& values) {
  const std::size_t expected = elements_of_batch(network.tensor(tensor), batch);
  if (values.size() != expected)
    throw std::invalid_argument("network: '" + network.tensor(tensor).name + "' received " +
                                std::to_string(values.size()) + " elements; expected " + std::to_string(expected));
  std::vector<double>& base = bases[static_cast<std::size_t>(network.tensor(tensor).base)];
  std::size_t next = 0;
  each_run(network, tensor, batch, [&](std::size_t first, std::size_t count) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(next), count,
                base.begin() + static_cast<std::ptrdiff_t>(first));
    next += count;
  });
}

std::vector<double> tensor_values(const NetworkPlan& network, std::int32_t tensor, std::int64_t batch,
                                  const void* base) {
  const DataType dtype = network.tensor(tensor).dtype;
  std::vector<double> values;
  values.reserve(elements_of_batch(network.tensor(tensor), batch));
  each_run(network, tensor, batch, [&](std::size_t first, std::size_t count) {
    const auto* data = static_cast<const std::byte*>(base) + first * size_bytes(dtype);
    const std::vector<double> run =
        to_doubles(dense_view(static_cast<const void*>(data), dtype, {static_cast<std::int64_t>(count)}));
    values.insert(values.end(), run.begin(), run.end());
  });
  return values;
}

const NamedWeights& weights_of_step(const std::vector<NamedWeights>& layers, const NetworkStep& step) {
  const auto found =
      std::find_if(layers.begin(), layers.end(), [&](const NamedWeights& layer) { return layer.name == step.layer; });
  if (found == layers.end()) throw std::invalid_argument("network: step '" + step.layer + "': no weights of this name");
  return *found;
}

NetworkValues network_reference(const NetworkPlan& network, const std::vector<NamedWeights>& layers, std::int64_t batch,
                                const PortValues& inputs, int threads) {
  detail::validate_graph(network);
  if (inputs.size() != network.inputs.size())
    throw std::invalid_argument("network: " + std::to_string(inputs.size()) + " inputs; expected " +
                                std::to_string(network.inputs.size()));
  NetworkValues values{batch, std::vector<std::vector<double>>(network.tensors.size())};
  for (std::size_t i = 0; i < network.tensors.size(); ++i)
    if (network.tensors[i].base == static_cast<std::int32_t>(i))
      values.bases[i].resize(elements_of_batch(network.tensors[i], batch));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<double> rounded = inputs[i];
    for (double& value : rounded) value = round_to(network.tensor(network.inputs[i]).dtype, value);
    values.set(network, network.inputs[i], rounded);
  }
  for (const NetworkStep& step : network.steps) {
    const NamedWeights exact = in_double(weights_of_step(layers, step));
    Operands operands;
    for (const std::int32_t operand : step.operands) operands.push_back(values.of(network, operand));
    values.set(network, step.output,
               reference(exact.problem, exact.weights, batch * network.tensor(step.input).images,
                         std::span<const double>(values.of(network, step.input)), threads, operands));
  }
  return values;
}

}  // namespace sepconv::runner
