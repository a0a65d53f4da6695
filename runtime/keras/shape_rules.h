#pragma once
// Shapes of the tensors in a model: as its JSON declares them, and as the usual layers change them.

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace sepconv::keras {

/// Extents with the batch in front; kDynamic (-1) where unknown.
using Shape = std::vector<std::int64_t>;
/// Of several tensors; nothing where a shape is not known at all.
using Shapes = std::vector<std::optional<Shape>>;

/// A JSON list of integers and nulls; nothing when it is anything else (a list of several shapes, for instance).
std::optional<Shape> shape_from_json(const nlohmann::json& value);

/// What the layer says about its input: "input_shape" beside it, in its "build_config", or in its config as the first
/// layer of a Sequential model. An input shape without the batch is not accepted.
std::optional<Shape> declared_input_shape(const nlohmann::json& layer);

/// What an InputLayer, or the first layer of a Sequential model, is declared with. Keras ignores it in later layers.
std::optional<Shape> first_layer_input_shape(const nlohmann::json& layer);

/// What the layer was first built for, by its "build_config". That may have been in another model.
std::optional<Shape> built_input_shape(const nlohmann::json& layer);

/// The rank, batch included, that layers of the class read: 4 for "Conv2D"; 0 where they read any.
std::size_t input_rank(const std::string& class_name);

/// True for a layer whose data_format says so.
bool channels_first(const nlohmann::json& config);

/// Which axis of such an input the channels are on.
std::size_t channel_axis(const std::string& class_name, const nlohmann::json& config);

/// "56x56x?": the extents without the batch.
std::string extents_text(const Shape& shape);

/// The extents that a caller gives, with an open batch.
/// @throws std::invalid_argument that begins with `what`, when one is neither positive nor kDynamic.
Shape with_batch(const std::vector<std::int32_t>& extents, const std::string& what);

/// True when two shapes of one tensor differ in rank, or in an extent that both know. Batches are free.
bool contradict(const Shape& a, const Shape& b);

/// Fills what `shape` does not know from `other`, where both have the same rank.
std::optional<Shape> merged(const std::optional<Shape>& shape, const std::optional<Shape>& other);

/// Top, bottom, left, right of a ZeroPadding1D or ZeroPadding2D layer; nothing when the configuration makes no sense.
std::optional<std::array<std::int32_t, 4>> zero_padding(const std::string& class_name, const nlohmann::json& config);

class CallArguments;

/// The shapes of a layer's outputs; none for layers without a rule, and where nothing can be told.
Shapes output_shapes(const std::string& class_name, const nlohmann::json& config, const Shapes& inputs,
                     const CallArguments& arguments);
/// The same where the layer is called with tensors alone.
Shapes output_shapes(const std::string& class_name, const nlohmann::json& config, const Shapes& inputs);
/// The (first) output's.
std::optional<Shape> output_shape(const std::string& class_name, const nlohmann::json& config, const Shapes& inputs);

}  // namespace sepconv::keras
