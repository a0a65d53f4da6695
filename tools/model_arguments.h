#pragma once
// The options of every command that reads a model.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "sepconv/detail/model_options.h"

namespace sepconv::tools {

struct ModelArguments {
  std::vector<std::string> input_shapes, layer_shapes;
  std::string weights;
};

/// --input-shape, --layer-shape and --weights.
void add_model_options(CLI::App& command, ModelArguments& arguments);

/// @throws std::invalid_argument naming the option and its text.
ModelOptions model_options(const ModelArguments& arguments);

}  // namespace sepconv::tools
