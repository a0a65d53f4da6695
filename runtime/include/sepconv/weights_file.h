#pragma once
// The file of folded weights that `sepconv compile` writes next to a library, so that an app needs no model file.

#include <filesystem>
#include <string>
#include <vector>

#include "sepconv/conv_problem.h"
#include "sepconv/detail/conv_weights.h"

namespace sepconv {

struct NamedWeights {
  std::string name;
  ConvProblem problem;
  ConvWeights weights;
};

/// Writes a temporary file next to `path` and renames it.
/// @throws std::invalid_argument if names repeat, are empty or hold control characters, if weights do not fit their
/// problem, or if the file cannot be written.
void save_weights(const std::filesystem::path& path, const std::vector<NamedWeights>& layers);

/// Reads a whole weights file and checks it.
/// @throws std::invalid_argument naming the file and what is wrong: missing, truncated, damaged, another version.
std::vector<NamedWeights> load_weights(const std::filesystem::path& path);

}  // namespace sepconv
