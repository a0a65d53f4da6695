#include "tools/network_arguments.h"

namespace sepconv::tools {

void add_network_options(CLI::App& command, NetworkArguments& a, const std::string& help) {
  command.add_flag("--network", a.network, help);
  command.add_option("--from", a.from, "First layer of the network; default: the model's inputs")->type_name("LAYER");
  command.add_option("--to", a.to, "Last layer of the network; default: the model's outputs")->type_name("LAYER");
}

void set_network_options(PlanOptions& options, const NetworkArguments& a) {
  options.network = a.any();
  options.from = a.from;
  options.to = a.to;
}

}  // namespace sepconv::tools
