#pragma once
// The file of folded weights that `sepconv compile` writes next to a library, so that an app needs no model file.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/conv_weights.h"
#include "sepconv/detail/network_plan.h"

namespace sepconv {

struct NamedWeights {
  std::string name;
  ConvProblem problem;
  ConvWeights weights;
};

/// The contents of a weights file. A layer and a step of the network may have the same name.
struct WeightsFile {
  std::vector<NamedWeights> layers;  // those that an app calls one by one
  std::optional<NetworkPlan> network;
  std::vector<NamedWeights> network_layers;  // of the network's steps
};

/// Writes a temporary file next to `path` and renames it. Arrays of the same bytes are stored once.
/// @param weights_dtype  float16 or bfloat16 rounds the weights of float32 problems to it, but not their constants, and
///                       stores them in 16 bits; float32 keeps them
/// @throws std::invalid_argument if names repeat, are empty or hold control characters, if weights do not fit their
/// problem or network, if one is beyond the range of weights_dtype, or if the file cannot be written.
void save_weights_file(const std::filesystem::path& path, const WeightsFile& file,
                       DataType weights_dtype = DataType::float32);
/// The same for layers alone.
void save_weights(const std::filesystem::path& path, const std::vector<NamedWeights>& layers);

/// Reads a whole weights file and checks it.
/// @throws std::invalid_argument naming the file and what is wrong: missing, truncated, damaged, another version.
WeightsFile load_weights_file(const std::filesystem::path& path);
/// The same for the bytes of a file.
WeightsFile weights_file_from_bytes(std::string_view bytes);
/// The layers of a file.
std::vector<NamedWeights> load_weights(const std::filesystem::path& path);

}  // namespace sepconv
