#include "runtime/keras/shape_rules.h"

#include <algorithm>
#include <stdexcept>

#include "runtime/keras/call_arguments.h"
#include "runtime/keras/json_text.h"
#include "runtime/keras/layer_rules.h"
#include "runtime/keras/operator_rules.h"
#include "runtime/keras/shape_math.h"
#include "sepconv/conv_problem.h"

namespace sepconv::keras {

using nlohmann::json;

std::optional<Shape> shape_from_json(const json& value) {
  if (!value.is_array() || value.empty() || value.size() > kMaxRank) return std::nullopt;
  Shape shape;
  for (const json& item : value) {
    if (item.is_null()) {
      shape.push_back(kDynamic);
    } else if (const auto extent = small_integer(item)) {
      shape.push_back(*extent);
    } else {
      return std::nullopt;
    }
  }
  return shape;
}

std::optional<Shape> first_layer_input_shape(const json& layer) {
  for (const char* key : {"batch_shape", "batch_input_shape"})
    if (const auto shape = shape_from_json(member(member(layer, "config"), key))) return shape;
  return std::nullopt;
}

std::optional<Shape> built_input_shape(const json& layer) {
  return shape_from_json(member(member(layer, "build_config"), "input_shape"));
}

std::optional<Shape> declared_input_shape(const json& layer) {
  if (const auto shape = shape_from_json(member(layer, "input_shape"))) return shape;
  const auto built = built_input_shape(layer);
  return built ? built : first_layer_input_shape(layer);
}

std::size_t input_rank(const std::string& class_name) {
  // "Conv2D", "Conv2DTranspose", "MaxPooling2D", "ConvLSTM2D", ...
  const std::string name = class_name.substr(0, class_name.find("Transpose"));
  for (std::size_t rank = 1; rank <= 3; ++rank)
    if (ends_with(name, std::to_string(rank) + "D"))
      return name.find("LSTM") == std::string::npos ? rank + 2 : rank + 3;
  return 0;
}

bool channels_first(const json& config) { return member(config, "data_format") == "channels_first"; }

std::size_t channel_axis(const std::string& class_name, const json& config) {
  return channels_first(config) ? 1 : input_rank(class_name) - 1;
}

std::string extents_text(const Shape& shape) {
  std::string text;
  for (std::size_t i = 1; i < shape.size(); ++i)
    text += (i == 1 ? "" : "x") + (shape[i] == kDynamic ? "?" : std::to_string(shape[i]));
  return text;
}

Shape with_batch(const std::vector<std::int32_t>& extents, const std::string& what) {
  Shape shape{kDynamic};
  for (const std::int32_t extent : extents) {
    if (extent < 1 && extent != kDynamic)
      throw std::invalid_argument(what + ": extents must be positive. Received: " + std::to_string(extent));
    shape.push_back(extent);
  }
  return shape;
}

bool contradict(const Shape& a, const Shape& b) {
  if (a.size() != b.size()) return true;
  for (std::size_t i = 1; i < a.size(); ++i)
    if (a[i] != kDynamic && b[i] != kDynamic && a[i] != b[i]) return true;
  return false;
}

std::optional<Shape> merged(const std::optional<Shape>& shape, const std::optional<Shape>& other) {
  if (!shape) return other;
  if (!other || other->size() != shape->size()) return shape;
  Shape result = *shape;
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i] == kDynamic) result[i] = (*other)[i];
  return result;
}

Shapes output_shapes(const std::string& class_name, const json& config, const Shapes& inputs,
                     const CallArguments& arguments) {
  const LayerUse use{class_name, config, inputs, arguments};
  Shapes shapes = layer_rule(use);
  const bool told = std::any_of(shapes.begin(), shapes.end(), [](const auto& shape) { return shape.has_value(); });
  if (!told) shapes = operator_rule(use);
  for (auto& shape : shapes)
    if (shape && shape->size() > kMaxRank) shape.reset();
  return shapes;
}

Shapes output_shapes(const std::string& class_name, const json& config, const Shapes& inputs) {
  return output_shapes(class_name, config, inputs, CallArguments(nullptr, {}, inputs));
}

std::optional<Shape> output_shape(const std::string& class_name, const json& config, const Shapes& inputs) {
  const Shapes shapes = output_shapes(class_name, config, inputs);
  return shapes.empty() ? std::nullopt : shapes.front();
}

}  // namespace sepconv::keras
