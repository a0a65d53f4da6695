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

/// A JSON list of integers and nulls; nothing when it is anything else (a list of several shapes, for instance).
std::optional<Shape> shape_from_json(const nlohmann::json& value);

/// What the layer says about its input: "input_shape" beside it, in its "build_config", or in its config as the first
/// layer of a Sequential model. An input shape without the batch is not accepted.
std::optional<Shape> declared_input_shape(const nlohmann::json& layer);

/// Fills what `shape` does not know from `other`, where both have the same rank.
std::optional<Shape> merged(const std::optional<Shape>& shape, const std::optional<Shape>& other);

/// Zeros before and after one axis under Keras' rule "valid", "same" or "causal".
std::array<std::int64_t, 2> padding_zeros(const std::string& padding, std::int64_t extent, std::int64_t window,
                                          std::int64_t stride, std::int64_t dilation);

/// Top, bottom, left, right of a ZeroPadding1D or ZeroPadding2D layer; nothing when the configuration makes no sense.
std::optional<std::array<std::int32_t, 4>> zero_padding(const std::string& class_name, const nlohmann::json& config);

/// The output's shape, or nothing for layers without a rule and for inputs that are unknown.
std::optional<Shape> output_shape(const std::string& class_name, const nlohmann::json& config,
                                  const std::vector<std::optional<Shape>>& inputs);

}  // namespace sepconv::keras
