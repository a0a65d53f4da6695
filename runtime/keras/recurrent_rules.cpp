#include "runtime/keras/recurrent_rules.h"

#include <string>

#include "runtime/keras/json_text.h"
#include "runtime/keras/shape_math.h"

namespace sepconv::keras::layer_shapes {

using nlohmann::json;

namespace {

const Shape& first_input(const LayerUse& use) { return *use.inputs[0]; }

/// The units of a cell, or of the last of several.
const json& units_of(const json& cell_object) {
  const json* config = &member(cell_object, "config");
  for (int depth = 0; depth < 8 && member(*config, "cells").is_array() && !member(*config, "cells").empty(); ++depth)
    config = &member(member(*config, "cells").back(), "config");
  return member(*config, "units");
}

/// The output of a recurrent layer, and its states. @param states  how many, with return_state
Shapes recurrent(const LayerUse& use, const json& units_json, std::size_t states) {
  const Shape& input = first_input(use);
  const auto units = small_integer(units_json);
  if (!units || input.size() < 3) return {};
  const Shape state{input[0], *units};
  Shapes result = {truthy_member(use.config, "return_sequences", false) ? Shape{input[0], input[1], *units} : state};
  if (truthy_member(use.config, "return_state", false)) result.insert(result.end(), states, state);
  return result;
}

/// The rule of the layer inside of a wrapper.
Shapes inner_rule(const LayerUse& use, const Shapes& inputs) {
  const json& inner = member(use.config, "layer");
  const json& class_name = member(inner, "class_name");
  if (!class_name.is_string()) return {};
  return output_shapes(class_name.get<std::string>(), member(inner, "config"), inputs);
}

}  // namespace

Shapes rnn(const LayerUse& use) {
  const json& cell = member(use.config, "cell");
  if (cell.is_array() && !cell.empty()) return recurrent(use, units_of(cell.back()), 0);
  return recurrent(use, units_of(cell), 0);
}
Shapes lstm(const LayerUse& use) { return recurrent(use, member(use.config, "units"), 2); }
Shapes gru(const LayerUse& use) { return recurrent(use, member(use.config, "units"), 1); }

/// [N, T, extents..., C]: a convolution at each step.
Shapes conv_lstm(const LayerUse& use) {
  const Shape& input = first_input(use);
  Shape image = input;
  if (image.size() < 4) return {};
  image.erase(image.begin() + 1);
  const std::string convolution = "Conv" + std::to_string(image.size() - 2) + "D";
  const auto state = window_rule(convolution, use.config, image);
  if (!state) return {};
  Shape sequence = *state;
  sequence.insert(sequence.begin() + 1, input[1]);
  Shapes result = {truthy_member(use.config, "return_sequences", false) ? sequence : *state};
  if (truthy_member(use.config, "return_state", false)) result.insert(result.end(), 2, state);
  return result;
}

Shapes wrapper(const LayerUse& use) { return inner_rule(use, use.inputs); }

Shapes bidirectional(const LayerUse& use) {
  Shapes result = inner_rule(use, {use.inputs[0]});
  if (result.empty() || !result[0] || result[0]->empty()) return {};
  const json& mode = member(use.config, "merge_mode");
  Shapes states(result.begin() + 1, result.end());
  if (mode.is_null() && use.config.contains("merge_mode"))
    result.insert(result.begin() + 1, result[0]);
  else if (mode.is_null() || mode == "concat")
    result[0]->back() = product_of(result[0]->back(), 2);
  result.insert(result.end(), states.begin(), states.end());
  return result;
}

/// One axis more in front, which counts as part of the batch.
Shapes time_distributed(const LayerUse& use) {
  Shape step = first_input(use);
  if (step.size() < 3) return {};
  const std::int64_t steps = step[1];
  step.erase(step.begin() + 1);
  Shapes result = inner_rule(use, {step});
  for (auto& shape : result)
    if (shape && !shape->empty()) shape->insert(shape->begin() + 1, steps);
  return result;
}

}  // namespace sepconv::keras::layer_shapes
