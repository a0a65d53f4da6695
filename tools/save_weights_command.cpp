// sepconv save-weights: the weights of a model, or of its convolution layers, as a file that Keras or NumPy loads.

#include <fmt/format.h>

#include <memory>

#include "sepconv/load_layers.h"
#include "tools/commands.h"
#include "tools/console.h"
#include "tools/model_arguments.h"
#include "tools/model_child.h"

namespace sepconv::tools {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  sepconv save-weights old_model.h5 -o model.weights.h5         for model.load_weights()\n"
    "  sepconv save-weights model.json --weights old.h5 -o model.weights.h5\n"
    "  sepconv save-weights model.keras -o conv.npz                  its separable and depthwise layers, for NumPy\n"
    "  sepconv save-weights model.keras --layer sep_1 -o sep_1.weights.h5";

struct SaveArguments : ModelArguments {
  std::string model, output, layer;
};

/// The chosen layers' file, behind their number and a newline. Runs in the child process.
std::string chosen_weights(const SaveArguments& arguments) {
  std::vector<LoadedLayer> chosen;
  std::string names;
  for (LoadedLayer& loaded : load_layers(arguments.model, model_options(arguments), NoWeights::refuse)) {
    names += (names.empty() ? "" : ", ") + loaded.path;
    if (arguments.layer.empty() || loaded.path == arguments.layer) chosen.push_back(std::move(loaded));
  }
  if (chosen.empty())
    throw std::invalid_argument(
        names.empty() ? fmt::format("{}: has no separable or depthwise convolution layer", arguments.model)
                      : fmt::format("{}: has no layer '{}'; its layers: {}", arguments.model, arguments.layer, names));
  return fmt::format("{}\n", chosen.size()) + weights_file(chosen, arguments.output);
}

int save(const SaveArguments& arguments) {
  const bool archive = arguments.output.ends_with(".npz");
  if (arguments.layer.empty() && !archive) {
    const auto whole = [&] { return model_weights_file(arguments.model, arguments.output, arguments.weights); };
    write_weights_file(text_in_child(arguments.model, whole, arguments.weights), arguments.output);
    print_out("{}: all weights of {}\n", arguments.output,
              arguments.weights.empty() ? arguments.model : arguments.weights);
    return kDone;
  }
  std::string file = text_in_child(
      arguments.model, [&] { return chosen_weights(arguments); }, arguments.weights);
  const std::size_t line = file.find('\n');
  const std::string count = file.substr(0, line);
  file.erase(0, line + 1);
  write_weights_file(file, arguments.output);
  print_out("{}: the weights of {} layer{}\n", arguments.output, count, count == "1" ? "" : "s");
  return kDone;
}

}  // namespace

void add_save_weights_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<SaveArguments>();
  SaveArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("save-weights", "Write a model's weights as .weights.h5 or .npz");
  command->footer(kExamples);
  command->add_option("model", a.model, "A .keras or .h5 model, or TensorFlow.js' model.json")
      ->required()
      ->type_name("FILE");
  command->add_option("-o,--output", a.output, "The .weights.h5 or .npz file to write")->required()->type_name("FILE");
  add_model_options(*command, a);
  command->add_option("--layer", a.layer, "Only this separable or depthwise convolution layer");
  command->callback([arguments, &status] { status = save(*arguments); });
}

}  // namespace sepconv::tools
