#include "tools/predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "runner/network_io.h"
#include "runner/npz.h"

namespace sepconv::tools {
namespace {

namespace fs = std::filesystem;
using Arrays = std::map<std::string, runner::NpyArray>;

std::string names_text(const Arrays& arrays) {
  std::string text;
  for (const auto& [name, array] : arrays) text += fmt::format("{}'{}'", text.empty() ? "" : ", ", name);
  return text.empty() ? "no array" : text;
}

/// The input that NAME=FILE is for. A file's own name may hold a '='.
std::optional<std::size_t> named_input(const std::vector<NetworkTensorInfo>& inputs, const std::string& text) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (text.starts_with(inputs[i].name + "=")) return i;
  return std::nullopt;
}

/// Writes each of the .npz file's arrays to a file.
PortFiles unpacked(const std::vector<NetworkTensorInfo>& inputs, const fs::path& file, const fs::path& scratch) {
  const Arrays arrays = runner::read_npz(file);
  PortFiles files;
  for (const NetworkTensorInfo& input : inputs) {
    const runner::NpyArray& array = array_of(arrays, input, inputs.size() == 1, "x", file.string());
    runner::checked_batch(input, array, file.string());
    files.push_back(scratch / fmt::format("input{}.npy", files.size()));
    runner::write_npy(files.back(), array);
  }
  for (const auto& [name, array] : arrays)
    if (std::none_of(inputs.begin(), inputs.end(), [&](const NetworkTensorInfo& port) { return port.name == name; }) &&
        !(inputs.size() == 1 && arrays.size() == 1))
      throw std::invalid_argument(
          fmt::format("{}: no input is named '{}'; expected {}", file.string(), name, ports_text(inputs)));
  return files;
}

}  // namespace

std::string ports_text(const std::vector<NetworkTensorInfo>& ports) {
  std::string text;
  for (const NetworkTensorInfo& port : ports) text += (text.empty() ? "" : "; ") + runner::port_text(port);
  return text;
}

const runner::NpyArray& array_of(const Arrays& arrays, const NetworkTensorInfo& port, bool only, const char* one,
                                 const std::string& file) {
  auto found = arrays.find(port.name);
  if (found == arrays.end() && only) found = arrays.find(one);
  if (found != arrays.end()) return found->second;
  throw std::invalid_argument(fmt::format("{}: no array {}; expected {}{}; it has {}", file,
                                          only ? fmt::format("'{}' or '{}'", port.name, one) : "'" + port.name + "'",
                                          only ? "one for " : "", runner::port_text(port), names_text(arrays)));
}

PortFiles input_files(const std::vector<NetworkTensorInfo>& inputs, const std::vector<std::string>& given,
                      const fs::path& scratch) {
  if (given.size() == 1 && fs::path(given[0]).extension() == ".npz" && !named_input(inputs, given[0]))
    return unpacked(inputs, given[0], scratch);
  PortFiles files(inputs.size());
  for (const std::string& text : given) {
    const auto named = named_input(inputs, text);
    if (!named && inputs.size() != 1)
      throw std::invalid_argument(
          fmt::format("--input: '{}' names none of the network's {} inputs; expected NAME=FILE for each, or one .npz, "
                      "of {}",
                      text, inputs.size(), ports_text(inputs)));
    const std::size_t at = named.value_or(0);
    if (!files[at].empty())
      throw std::invalid_argument(fmt::format("--input: '{}' is the second file for '{}'", text, inputs[at].name));
    files[at] = named ? text.substr(inputs[at].name.size() + 1) : text;
  }
  for (std::size_t i = 0; i < files.size(); ++i)
    if (files[i].empty())
      throw std::invalid_argument(fmt::format("--input: no file for {}; expected --input {}=FILE",
                                              runner::port_text(inputs[i]), inputs[i].name));
  return files;
}

PortFiles output_files(const std::vector<NetworkTensorInfo>& outputs, const fs::path& output, const fs::path& scratch) {
  PortFiles files;
  if (output.extension() != ".npz" && outputs.size() == 1) return {output};
  if (output.extension() != ".npz")
    throw std::invalid_argument(
        fmt::format("--output: '{}' cannot hold the network's {} outputs; expected a name that ends in .npz, for {}",
                    output.string(), outputs.size(), ports_text(outputs)));
  for (std::size_t i = 0; i < outputs.size(); ++i) files.push_back(scratch / fmt::format("output{}.npy", i));
  return files;
}

void pack_outputs(const std::vector<NetworkTensorInfo>& outputs, const PortFiles& files, const fs::path& output) {
  if (output.extension() != ".npz") return;
  Arrays arrays;
  for (std::size_t i = 0; i < outputs.size(); ++i) arrays[outputs[i].name] = runner::read_npy(files[i]);
  runner::write_npz(output, arrays);
}

}  // namespace sepconv::tools
