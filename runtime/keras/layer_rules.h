#pragma once
// What Keras' layers make of the shapes that they read.

#include <nlohmann/json.hpp>
#include <string>

#include "runtime/keras/call_arguments.h"

namespace sepconv::keras {

/// One use of a layer.
struct LayerUse {
  const std::string& class_name;
  const nlohmann::json& config;
  const Shapes& inputs;
  const CallArguments& arguments;
};

/// The shapes of the layer's outputs; none for classes without a rule, and where nothing can be told.
Shapes layer_rule(const LayerUse& use);

/// The same for convolutions, pooling, padding, cropping and up-sampling: layers whose class names end in 1D, 2D or 3D.
/// Where the input is not known, its rank is.
std::optional<Shape> window_rule(const std::string& class_name, const nlohmann::json& config, const Shape& input);

}  // namespace sepconv::keras
