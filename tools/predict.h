#pragma once
// `sepconv run` of a whole network: the files of its inputs and outputs.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runner/npy.h"
#include "sepconv/network.h"

namespace sepconv::tools {

/// The .npy file of each input or output, in the network's order.
using PortFiles = std::vector<std::filesystem::path>;

/// Reads the arrays for the inputs and checks them.
/// @param given    of --input: a .npy file, or NAME=FILE for each input, or one .npz with an array for each
/// @param scratch  takes the arrays of an .npz
/// @throws std::invalid_argument naming the option or file, what it has and what is expected.
PortFiles input_files(const std::vector<NetworkTensorInfo>& inputs, const std::vector<std::string>& given,
                      const std::filesystem::path& scratch);

/// Where the runner writes: `output` itself, or files in `scratch` that pack_outputs() joins.
/// @throws std::invalid_argument if one .npy file cannot hold the outputs.
PortFiles output_files(const std::vector<NetworkTensorInfo>& outputs, const std::filesystem::path& output,
                       const std::filesystem::path& scratch);

/// Writes the .npz, if `output` is one.
void pack_outputs(const std::vector<NetworkTensorInfo>& outputs, const PortFiles& files,
                  const std::filesystem::path& output);

/// The array of an .npz for each port, by name; arrays of other names are refused.
/// @param one  the name that stands for the only port, besides its own: "x"
/// @throws std::invalid_argument naming the file, what it lacks and what it has.
const runner::NpyArray& array_of(const std::map<std::string, runner::NpyArray>& arrays, const NetworkTensorInfo& port,
                                 bool only, const char* one, const std::string& file);

/// "'a', float32 (None, 8, 8, 3); 'b', ..."
std::string ports_text(const std::vector<NetworkTensorInfo>& ports);

}  // namespace sepconv::tools
