// sepconv save-weights: the weights of a model, or of its convolution layers, as a file that Keras or NumPy loads.

#include <fmt/format.h>

#include <memory>

#include "commands.h"
#include "sepconv/load_layers.h"
#include "sepconv/save_weights.h"

namespace sepconv::tools {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  sepconv save-weights old_model.h5 -o model.weights.h5         for model.load_weights()\n"
    "  sepconv save-weights model.keras -o conv.npz                  its separable and depthwise layers, for NumPy\n"
    "  sepconv save-weights model.keras --layer sep_1 -o sep_1.weights.h5";

struct SaveArguments {
  std::string model, output, layer;
};

int save(const SaveArguments& arguments) {
  const bool archive = arguments.output.ends_with(".npz");
  if (arguments.layer.empty() && !archive) {
    save_model_weights(arguments.model, arguments.output);
    fmt::print("{}: all weights of {}\n", arguments.output, arguments.model);
    return kDone;
  }
  const std::vector<LoadedLayer> layers = load_layers(arguments.model);
  std::vector<LoadedLayer> chosen;
  std::string names;
  for (const LoadedLayer& loaded : layers) {
    names += (names.empty() ? "" : ", ") + loaded.path;
    if (arguments.layer.empty() || loaded.path == arguments.layer) chosen.push_back(loaded);
  }
  if (chosen.empty())
    throw std::invalid_argument(
        names.empty() ? fmt::format("{}: has no separable or depthwise convolution layer", arguments.model)
                      : fmt::format("{}: has no layer '{}'; its layers: {}", arguments.model, arguments.layer, names));
  save_weights_by_path(chosen, arguments.output);
  fmt::print("{}: the weights of {} layer{}\n", arguments.output, chosen.size(), chosen.size() == 1 ? "" : "s");
  return kDone;
}

}  // namespace

void add_save_weights_command(CLI::App& app, int& status) {
  auto arguments = std::make_shared<SaveArguments>();
  SaveArguments& a = *arguments;
  CLI::App* command = app.add_subcommand("save-weights", "Write a model's weights as .weights.h5 or .npz");
  command->footer(kExamples);
  command->add_option("model", a.model, "A .keras or .h5 model")->required()->type_name("FILE");
  command->add_option("-o,--output", a.output, "The .weights.h5 or .npz file to write")->required()->type_name("FILE");
  command->add_option("--layer", a.layer, "Only this separable or depthwise convolution layer");
  command->callback([arguments, &status] { status = save(*arguments); });
}

}  // namespace sepconv::tools
