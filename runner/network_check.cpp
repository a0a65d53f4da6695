#include "runner/network_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/core/network_ports.h"

namespace sepconv::runner {
namespace {

/// Half the distance between 1 and the next number.
double unit_roundoff(DataType dtype) { return dtype == DataType::float16 ? 0x1p-11 : 0x1p-8; }

/// Values that the type rounds to zero, or nearly.
double least_number(DataType dtype) {
  switch (dtype) {
    case DataType::float64: return std::numeric_limits<double>::min();
    case DataType::float16: return 0x1p-24;
    default: return std::numeric_limits<float>::min();
  }
}

bool is_16_bit(DataType dtype) { return dtype == DataType::float16 || dtype == DataType::bfloat16; }

}  // namespace

double relative_limit(DataType dtype, std::size_t steps) {
  if (is_16_bit(dtype)) return std::min(0.5, 4 * unit_roundoff(dtype) * std::sqrt(static_cast<double>(steps)));
  return dtype == DataType::float64 ? 1e-12 : 1e-4;
}

Comparison compare_relative(std::span<const double> actual, std::span<const double> expected, double relative,
                            DataType dtype, double* largest) {
  double most = 0;
  for (const double value : expected)
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  if (largest != nullptr) *largest = most;
  return compare(actual, expected, std::max(relative * most, least_number(dtype)), dtype);
}

NetworkCheck::NetworkCheck(const NetworkPlan& network, const std::vector<NamedWeights>& layers,
                           const NetworkValues& expected, NetworkCall& call, int threads)
    : network_(network), layers_(layers), expected_(expected), call_(call), threads_(threads) {}

std::string NetworkCheck::run() {
  steps_.clear();
  error_ = nullptr;
  std::string fault = call_.run(this);
  if (error_) std::rethrow_exception(error_);
  return fault;
}

const StepCheck* NetworkCheck::first_miss() const {
  const auto first = [&](Comparison StepCheck::*comparison) -> const StepCheck* {
    for (const StepCheck& step : steps_)
      if (!(step.*comparison).ok) return &step;
    return nullptr;
  };
  const StepCheck* own = first(&StepCheck::own);
  return own != nullptr ? own : first(&StepCheck::chain);
}

/// What lies in a tensor's memory now.
std::vector<double> NetworkCheck::values(std::int32_t tensor) const {
  const std::int32_t base = network_.tensor(tensor).base;
  const std::size_t input = detail::port_of(network_, network_.inputs, base),
                    output = detail::port_of(network_, network_.outputs, base);
  const void* memory = nullptr;
  if (input < network_.inputs.size())
    memory = call_.input(input);
  else if (output < network_.outputs.size())
    memory = call_.output(output);
  else
    memory = call_.workspace() + network_.tensor(base).offset_bytes * call_.batch();
  return tensor_values(network_, tensor, call_.batch(), memory);
}

void NetworkCheck::begin(std::size_t index) noexcept {
  if (error_) return;
  try {
    started(index);
    const NetworkStep& step = network_.steps[index];
    input_ = values(step.input);
    operands_.clear();
    for (const std::int32_t operand : step.operands) operands_.push_back(values(operand));
  } catch (...) {
    error_ = std::current_exception();
  }
}

void NetworkCheck::end(std::size_t index) noexcept {
  if (error_) return;
  try {
    check(index);
  } catch (...) {
    error_ = std::current_exception();
  }
}

void NetworkCheck::check(std::size_t index) {
  const NetworkStep& step = network_.steps[index];
  const NamedWeights& layer = weights_of_step(layers_, step);
  const NetworkTensor& input = network_.tensor(step.input);
  const DataType dtype = step.problem.dtype;
  const ReferenceOutput own = reference_with_limits(step.problem, layer.weights, call_.batch() * input.images,
                                                    std::span<const double>(input_), threads_, operands_);
  const std::vector<double> actual = values(step.output);
  StepCheck result;
  result.layer = step.layer;
  result.own = compare(actual, own.values, own.limits, dtype);
  result.chain = compare_relative(actual, expected_.of(network_, step.output), relative_limit(dtype, index + 1), dtype,
                                  &result.largest);
  steps_.push_back(std::move(result));
}

}  // namespace sepconv::runner
