#pragma once
// The options of commands that look at a model's network.

#include <CLI/CLI.hpp>
#include <string>

#include "sepconv/plan.h"

namespace sepconv::tools {

struct NetworkArguments {
  bool network = false;
  std::string from, to;

  /// True for any of the options: --from and --to speak of a network too.
  bool any() const { return network || !from.empty() || !to.empty(); }
};

/// --network with that help, --from and --to.
void add_network_options(CLI::App& command, NetworkArguments& arguments, const std::string& help);

/// Plans the network, if any of the options is given.
void set_network_options(PlanOptions& options, const NetworkArguments& arguments);

}  // namespace sepconv::tools
