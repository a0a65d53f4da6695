#pragma once
// The arguments of commands that plan a model's layers.

#include <CLI/CLI.hpp>
#include <string>

#include "sepconv/plan.h"
#include "tools/model_arguments.h"

namespace sepconv::tools {

struct PlanArguments : ModelArguments {
  std::string model, layers = "*";
  bool no_fold = false, no_join = false;
  bool network = false;  // also plan the network, or the part of it between two layers
  std::string from, to;
};

/// The model as a required positional, --layers, --no-fold, --no-join, and the options of every model.
void add_plan_options(CLI::App& command, PlanArguments& arguments);

/// Reads and plans the model.
/// @throws std::invalid_argument naming the file and what is wrong with it, or a bad option.
Plan read_plan(const PlanArguments& arguments);

}  // namespace sepconv::tools
