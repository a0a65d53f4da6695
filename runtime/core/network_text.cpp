// The text form of a network, a line for each item, its fields separated by tabs:
//   "network" tensor_bytes inputs outputs          inputs, outputs, operands: tensors joined by ',', or "-" for none
//   "tensor" name dtype shape images base first row-pitch x pixel-pitch offset_bytes
//   "step" layer problem input output operands absorbed ...
// A shape is its extents joined by 'x', or "-" for a scalar. Tensors are numbered from 0 in the order of their lines.

#include <charconv>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/core/text.h"
#include "sepconv/detail/network_plan.h"

namespace sepconv {
namespace {

using detail::quoted;
using detail::split;

template <class T>
std::string joined(const std::vector<T>& numbers, char separator) {
  std::string text;
  for (const T number : numbers) text += (text.empty() ? "" : std::string(1, separator)) + std::to_string(number);
  return text.empty() ? "-" : text;
}

template <class T>
T number_from(std::string_view text, const char* what) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(std::string(what) + ": expected an integer, received " + quoted(text));
  return value;
}

template <class T>
std::vector<T> numbers_from(std::string_view text, char separator, const char* what) {
  std::vector<T> numbers;
  if (text == "-") return numbers;
  for (const std::string_view part : split(text, separator)) numbers.push_back(number_from<T>(part, what));
  return numbers;
}

DataType dtype_from(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(DataType::boolean); ++i)
    if (text == to_text(static_cast<DataType>(i))) return static_cast<DataType>(i);
  throw std::invalid_argument("data type: expected one such as f32, received " + quoted(text));
}

void expect_fields(const std::vector<std::string_view>& fields, std::size_t least, std::size_t most) {
  if (fields.size() < least || fields.size() > most)
    throw std::invalid_argument(std::to_string(fields.size()) + " fields; expected " + std::to_string(least) +
                                (most == least ? "" : " or more"));
}

NetworkTensor tensor_from(const std::vector<std::string_view>& fields) {
  expect_fields(fields, 9, 9);
  NetworkTensor tensor;
  tensor.name = fields[1];
  tensor.dtype = dtype_from(fields[2]);
  tensor.shape = numbers_from<std::int64_t>(fields[3], 'x', "shape");
  tensor.images = number_from<std::int64_t>(fields[4], "images");
  tensor.base = number_from<std::int32_t>(fields[5], "base");
  tensor.first = number_from<std::int64_t>(fields[6], "first element");
  const std::vector<std::int32_t> pitches = numbers_from<std::int32_t>(fields[7], 'x', "pitches");
  if (pitches.size() != 2) throw std::invalid_argument("pitches: expected two numbers, received " + quoted(fields[7]));
  tensor.pitches = {pitches[0], pitches[1]};
  tensor.offset_bytes = number_from<std::int64_t>(fields[8], "offset");
  return tensor;
}

NetworkStep step_from(const std::vector<std::string_view>& fields) {
  expect_fields(fields, 6, static_cast<std::size_t>(-1));
  NetworkStep step;
  step.layer = fields[1];
  step.problem = problem_from_text(fields[2]);
  step.input = number_from<std::int32_t>(fields[3], "input");
  step.output = number_from<std::int32_t>(fields[4], "output");
  step.operands = numbers_from<std::int32_t>(fields[5], ',', "operands");
  for (std::size_t i = 6; i < fields.size(); ++i) step.absorbed.emplace_back(fields[i]);
  return step;
}

void read_line(std::string_view line, bool first, NetworkPlan& network) {
  const std::vector<std::string_view> fields = split(line, '\t');
  if (first != (fields[0] == "network"))
    throw std::invalid_argument(first ? "expected the line 'network' first, received " + quoted(fields[0])
                                      : "another line 'network'");
  if (first) {
    expect_fields(fields, 4, 4);
    network.tensor_bytes = number_from<std::int64_t>(fields[1], "bytes");
    network.inputs = numbers_from<std::int32_t>(fields[2], ',', "inputs");
    network.outputs = numbers_from<std::int32_t>(fields[3], ',', "outputs");
  } else if (fields[0] == "tensor") {
    network.tensors.push_back(tensor_from(fields));
  } else if (fields[0] == "step") {
    network.steps.push_back(step_from(fields));
  } else {
    throw std::invalid_argument("expected 'tensor' or 'step', received " + quoted(fields[0]));
  }
}

}  // namespace

std::string to_text(const NetworkPlan& network) {
  std::string text = "network\t" + std::to_string(network.tensor_bytes) + '\t' + joined(network.inputs, ',') + '\t' +
                     joined(network.outputs, ',') + '\n';
  for (const NetworkTensor& t : network.tensors)
    text += "tensor\t" + t.name + '\t' + to_text(t.dtype) + '\t' + joined(t.shape, 'x') + '\t' +
            std::to_string(t.images) + '\t' + std::to_string(t.base) + '\t' + std::to_string(t.first) + '\t' +
            std::to_string(t.pitches.row) + 'x' + std::to_string(t.pitches.pixel) + '\t' +
            std::to_string(t.offset_bytes) + '\n';
  for (const NetworkStep& step : network.steps) {
    text += "step\t" + step.layer + '\t' + to_text(step.problem) + '\t' + std::to_string(step.input) + '\t' +
            std::to_string(step.output) + '\t' + joined(step.operands, ',');
    for (const std::string& name : step.absorbed) text += '\t' + name;
    text += '\n';
  }
  return text;
}

NetworkPlan network_from_text(std::string_view text) {
  NetworkPlan network;
  for (std::size_t number = 1; !text.empty() || number == 1; ++number) {
    const std::size_t end = text.find('\n');
    try {
      if (end == std::string_view::npos) throw std::invalid_argument("ends without a line break");
      read_line(text.substr(0, end), number == 1, network);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("network: line " + std::to_string(number) + ": " + error.what());
    }
    text.remove_prefix(end + 1);
  }
  validate(network);
  return network;
}

}  // namespace sepconv
