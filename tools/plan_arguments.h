#pragma once
// The arguments of commands that plan a model's layers.

#include <CLI/CLI.hpp>
#include <string>

#include "sepconv/plan.h"

namespace sepconv::tools {

struct PlanArguments {
  std::string model, layers = "*", input_shape;
  bool no_fold = false, no_join = false;
};

/// The model as a required positional, --layers, --input-shape, --no-fold and --no-join.
void add_plan_options(CLI::App& command, PlanArguments& arguments);

/// Reads and plans the model.
/// @throws std::invalid_argument naming the file and what is wrong with it, or a bad --input-shape.
Plan read_plan(const PlanArguments& arguments);

}  // namespace sepconv::tools
