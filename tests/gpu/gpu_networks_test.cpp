// Whole networks on every GPU target that they were compiled for, against the double reference: the outputs, and what
// each step leaves in memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "gpu_network_libraries.h"
#include "runner/network_check.h"
#include "runner/seeded.h"
#include "runtime/core/memory_plan.h"
#include "sepconv/kernel_registry.h"
#include "tests/gpu/device_values.h"

namespace sepconv::test {

using namespace runner;

namespace {

constexpr std::int64_t kBatch = 2;

/// A port's tensor for the batch, with NaN or these values.
GpuTensor make_tensor(const GpuContext& gpu, const NetworkTensorInfo& port, const std::vector<double>& values) {
  Shape shape = port.shape;
  shape[0] = kBatch * port.images;
  return device_tensor(gpu, port.dtype, shape, values);
}

PortValues run_network(const GpuContext& gpu, const GpuNetwork& network, const PortValues& inputs) {
  std::vector<GpuTensor> in, out;
  for (std::size_t i = 0; i < inputs.size(); ++i) in.push_back(make_tensor(gpu, network.inputs()[i], inputs[i]));
  for (const NetworkTensorInfo& port : network.outputs()) out.push_back(make_tensor(gpu, port, {}));
  std::vector<const GpuTensor*> reads;
  std::vector<GpuTensor*> writes;
  for (const GpuTensor& tensor : in) reads.push_back(&tensor);
  for (GpuTensor& tensor : out) writes.push_back(&tensor);
  const Status status = network.run(reads.data(), reads.size(), writes.data(), writes.size());
  if (!status.ok()) throw std::runtime_error(status.message());
  PortValues values;
  for (const GpuTensor& tensor : out) values.push_back(values_of(tensor));
  return values;
}

/// The network up to a step, whose output is that of the network; nothing for a step that writes a part of a tensor.
std::optional<NetworkPlan> up_to_step(const NetworkPlan& network, std::size_t step) {
  NetworkPlan part = network;
  part.steps.resize(step + 1);
  part.outputs = {network.steps[step].output};
  try {
    detail::plan_memory(part);
    validate(part);
  } catch (const std::invalid_argument&) {
    return std::nullopt;
  }
  return part;
}

std::vector<NamedWeights> weights_of(const NetworkPlan& network, const std::vector<NamedWeights>& layers) {
  std::vector<NamedWeights> some;
  for (const NetworkStep& step : network.steps) some.push_back(weights_of_step(layers, step));
  return some;
}

struct Parameter {
  NetworkLibrary library;
  std::string target;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  for (const NetworkLibrary& library : network_libraries()) {
    std::set<std::string> targets;
    for (std::size_t i = 0; i < library.kernels().kernel_count; ++i)
      targets.insert(library.kernels().kernels[i].target);
    for (const std::string& target : targets) all.push_back({library, target});
  }
  return all;
}

WeightsFile weights_of(const NetworkLibrary& library) {
  const NetworkTable& table = library.network();
  return weights_file_from_bytes({reinterpret_cast<const char*>(table.weights), table.weights_bytes});
}

class GpuNetworks : public testing::TestWithParam<Parameter> {};

TEST_P(GpuNetworks, EqualTheReference) {
  const auto& [library, target] = GetParam();
  const Device& device = device_for(target);
  if (device.context == nullptr) GTEST_SKIP() << device.why_not;
  const GpuContext& gpu = *device.context;
  use_kernels(library.kernels());
  const WeightsFile file = weights_of(library);
  const NetworkPlan& plan = *file.network;
  PortValues inputs;
  for (const std::int32_t input : plan.inputs) {
    const NetworkTensor& tensor = plan.tensor(input);
    std::int64_t count = kBatch * tensor.images;
    for (const std::int64_t extent : tensor.shape) count *= extent;
    inputs.push_back(real_numbers(count, tensor.dtype, 11 + inputs.size()));
  }
  const NetworkValues wanted = network_reference(plan, file.network_layers, kBatch, inputs);
  const auto compare_port = [&](std::int32_t tensor, const std::vector<double>& values, std::size_t steps) {
    const DataType dtype = plan.tensor(tensor).dtype;
    return compare_relative(values, wanted.of(plan, tensor), relative_limit(dtype, steps), dtype);
  };

  const GpuNetwork network(gpu, Network(plan, file.network_layers), target);
  const PortValues outputs = run_network(gpu, network, inputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Comparison comparison = compare_port(plan.outputs[i], outputs[i], plan.steps.size());
    EXPECT_TRUE(comparison.ok) << network.outputs()[i].name << ": error " << comparison.max_error << ", allowed "
                               << comparison.limit;
  }

  std::size_t compared = 0;
  for (std::size_t step = 0; step < plan.steps.size(); ++step) {
    const std::optional<NetworkPlan> part = up_to_step(plan, step);
    if (!part) continue;
    const GpuNetwork partial(gpu, Network(*part, weights_of(*part, file.network_layers)), target);
    const Comparison comparison =
        compare_port(part->outputs[0], run_network(gpu, partial, inputs)[0], part->steps.size());
    ASSERT_TRUE(comparison.ok) << "step '" << plan.steps[step].layer << "', " << to_text(plan.steps[step].problem)
                               << ": error " << comparison.max_error << " at " << comparison.index << ", allowed "
                               << comparison.limit;
    ++compared;
  }
  EXPECT_GT(compared, plan.steps.size() / 4);
}

/// The network with the last of the libraries, whose last step has a kernel for its softmax.
class GpuNetworkCalls : public testing::Test {
 protected:
  void SetUp() override {
    if (device_.context == nullptr) GTEST_SKIP() << device_.why_not;
    use_kernels(library_.kernels());
  }

  /// Two copies of the network, whose steps take turns, with two inputs and two outputs.
  static WeightsFile doubled(const WeightsFile& file) {
    WeightsFile both = file;
    NetworkPlan& plan = *both.network;
    const auto count = static_cast<std::int32_t>(plan.tensors.size());
    for (std::int32_t i = 0; i < count; ++i) {
      plan.tensors.push_back(plan.tensor(i));
      plan.tensors.back().base += count;
    }
    plan.steps.clear();
    for (const NetworkStep& step : file.network->steps) {
      plan.steps.push_back(step);
      NetworkStep second = step;
      second.layer += "_2", second.input += count, second.output += count;
      for (std::int32_t& operand : second.operands) operand += count;
      plan.steps.push_back(second);
    }
    for (const NamedWeights& layer : file.network_layers) {
      both.network_layers.push_back(layer);
      both.network_layers.back().name += "_2";
    }
    plan.inputs.push_back(plan.inputs[0] + count);
    plan.outputs.push_back(plan.outputs[0] + count);
    detail::plan_memory(plan);
    return both;
  }
  static Network network_of(const WeightsFile& file) { return Network(*file.network, file.network_layers); }

  const NetworkLibrary library_ = network_libraries().back();
  const std::string target_ = library_.kernels().kernels[0].target;
  const Device& device_ = device_for(target_);
  const WeightsFile file_ = weights_of(library_);
};

TEST_F(GpuNetworkCalls, HaveSeveralInputsAndOutputs) {
  const WeightsFile both = doubled(file_);
  const GpuNetwork network(*device_.context, network_of(both));
  ASSERT_EQ(network.inputs().size(), 2u);
  PortValues inputs;
  for (const std::uint64_t seed : {3, 4}) inputs.push_back(real_numbers(kBatch * 64, DataType::float32, seed));
  const PortValues outputs = run_network(*device_.context, network, inputs);
  const NetworkValues wanted = network_reference(*both.network, both.network_layers, kBatch, inputs);
  for (std::size_t i = 0; i < 2; ++i) {
    const Comparison comparison = compare_relative(outputs[i], wanted.of(*both.network, both.network->outputs[i]),
                                                   relative_limit(DataType::float32, 1), DataType::float32);
    EXPECT_TRUE(comparison.ok) << i << ": error " << comparison.max_error;
  }
}

TEST_F(GpuNetworkCalls, ReportWhatIsWrong) {
  const GpuContext& gpu = *device_.context;
  const GpuNetwork network(gpu, network_of(doubled(file_)));
  EXPECT_EQ(network.workspace_bytes(3), 3 * network.workspace_bytes(1));
  EXPECT_GE(network.workspace_bytes(), static_cast<std::size_t>(file_.network->tensor_bytes) + 64);  // softmax' scratch
  EXPECT_THROW(static_cast<void>(network.workspace_bytes(0)), std::invalid_argument);
  EXPECT_NO_THROW(network.reserve(2));

  const auto tensor = [](const GpuContext& context, const NetworkTensorInfo& port, std::int64_t batch,
                         DataType dtype = DataType::float32) {
    Shape shape = port.shape;
    shape[0] = batch;
    return GpuTensor(context, dtype, shape);
  };
  const GpuContext second(gpu.api());
  const GpuTensor in = tensor(gpu, network.inputs()[0], 1),
                  half = tensor(gpu, network.inputs()[0], 1, DataType::float16),
                  foreign = tensor(second, network.inputs()[0], 1);
  GpuTensor a = tensor(gpu, network.outputs()[0], 1), b = tensor(gpu, network.outputs()[0], 1),
            two = tensor(gpu, network.outputs()[0], 2);
  const auto code = [&](const GpuTensor& x, GpuTensor& first, GpuTensor& other) {
    const GpuTensor* const inputs[] = {&in, &x};
    GpuTensor* const outputs[] = {&first, &other};
    return network.run(inputs, 2, outputs, 2).code();
  };
  EXPECT_EQ(code(in, a, b), StatusCode::ok);
  EXPECT_EQ(code(half, a, b), StatusCode::invalid_dtype);
  EXPECT_EQ(code(foreign, a, b), StatusCode::invalid_layout);
  EXPECT_EQ(code(in, a, a), StatusCode::invalid_layout);
  EXPECT_EQ(code(in, a, two), StatusCode::invalid_shape);
  EXPECT_EQ(network.run(in, a).code(), StatusCode::invalid_shape);
  EXPECT_TRUE(gpu.synchronize().ok());

  try {
    GpuNetwork(gpu, network_of(file_), "x86-64-avx2");
    FAIL() << "the library has no such kernels";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).find("network: step '" + file_.network->steps[0].layer + "': no GPU kernel"),
              0u)
        << error.what();
  }
}

std::string network_name(const testing::TestParamInfo<Parameter>& info) {
  return test_name(info.param.target + "_" + info.param.library.name);
}

INSTANTIATE_TEST_SUITE_P(Small, GpuNetworks, testing::ValuesIn(parameters()), network_name);

}  // namespace
}  // namespace sepconv::test
