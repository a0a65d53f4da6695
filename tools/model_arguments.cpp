#include "tools/model_arguments.h"

#include <fmt/format.h>

#include <stdexcept>

#include "tools/input_shape.h"

namespace sepconv::tools {

void add_model_options(CLI::App& command, ModelArguments& a) {
  command
      .add_option("--input-shape", a.input_shapes,
                  "Input shape for a model that leaves its extents open; NAME= selects one of several inputs; may be "
                  "repeated")
      ->type_name("[NAME=]HxWxC")
      ->allow_extra_args(false);
  command
      .add_option("--layer-shape", a.layer_shapes,
                  "Input shape of layer NAME, if the file does not state it; may be repeated")
      ->type_name("NAME=HxWxC")
      ->allow_extra_args(false);
  command
      .add_option("--weights", a.weights,
                  "Read the weights from this .h5, .weights.h5 or .keras file, not from the model")
      ->type_name("FILE");
}

ModelOptions model_options(const ModelArguments& arguments) {
  ModelOptions options;
  options.weights = arguments.weights;
  for (const std::string& text : arguments.input_shapes) {
    NamedShape shape = named_shape_from_text(text, "--input-shape");
    if (!shape.name.empty()) {
      options.input_shapes.push_back(std::move(shape));
      continue;
    }
    if (!options.input_shape.empty())
      throw std::invalid_argument(
          fmt::format("--input-shape: '{}' is the second shape without a name; expected NAME=HxWxC", text));
    options.input_shape = std::move(shape.extents);
  }
  for (const std::string& text : arguments.layer_shapes) {
    options.layer_shapes.push_back(named_shape_from_text(text, "--layer-shape"));
    if (options.layer_shapes.back().name.empty())
      throw std::invalid_argument(
          fmt::format("--layer-shape: '{}'; expected NAME=HxWxC, for example conv_1=56x56x64", text));
  }
  return options;
}

}  // namespace sepconv::tools
