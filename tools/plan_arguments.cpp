#include "tools/plan_arguments.h"

#include "tools/model_child.h"

namespace sepconv::tools {

void add_plan_options(CLI::App& command, PlanArguments& a) {
  command
      .add_option("model", a.model,
                  "A .keras, .h5 or .json model, TensorFlow.js' model.json, a JSON list of layers, or a suite "
                  "(bench/suites/peers.json)")
      ->required();
  command.add_option("--layers", a.layers, "Only layers whose names match this pattern, such as 'block?/*'");
  add_model_options(command, a);
  command.add_flag("--no-fold", a.no_fold,
                   "Leave BatchNormalization, activation and padding layers to the application");
  command.add_flag("--no-join", a.no_join, "Do not join a depthwise and a 1x1 convolution into one kernel");
}

Plan read_plan(const PlanArguments& arguments) {
  PlanOptions options{model_options(arguments)};
  options.fold = !arguments.no_fold;
  options.join = !arguments.no_join;
  options.layers = arguments.layers;
  options.network = arguments.network;
  options.from = arguments.from;
  options.to = arguments.to;
  return plan_in_child(arguments.model, options);
}

}  // namespace sepconv::tools
