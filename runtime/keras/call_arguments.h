#pragma once
// The arguments of one call of a layer: tensors and constants, by position and by name.

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/keras/shape_rules.h"

namespace sepconv::keras {

/// A node of tf.keras 2: [[tensor, call, output, {further arguments}], ...], or Keras 3: {"args": [...], "kwargs": {}}.
class CallArguments {
 public:
  /// @param node     the call's JSON; null in a Sequential model, whose layers read one tensor
  /// @param tensors  where the call's tensors stand in it
  /// @param shapes   theirs
  CallArguments(const nlohmann::json* node, const std::vector<const nlohmann::json*>& tensors, const Shapes& shapes)
      : node_(node), tensors_(tensors), shapes_(shapes) {}

  /// The argument, a tensor or a constant; null where the call has none. The first argument of tf.keras 2 has no name.
  const nlohmann::json& at(std::size_t position, std::initializer_list<const char*> names) const;

  /// The call's tensor of this number; null where there are fewer.
  const nlohmann::json& tensor(std::size_t number) const;
  bool is_tensor(const nlohmann::json& value) const;

  /// The shape of a tensor, or of a constant: a number has no extents.
  std::optional<Shape> shape(const nlohmann::json& value) const;

  /// Shapes of a list of tensors, or of one.
  Shapes shapes(const nlohmann::json& value) const;

  /// A list of integers, with kDynamic for those that are tensors or negative.
  std::optional<Shape> extents(const nlohmann::json& value) const;

 private:
  const nlohmann::json& keywords() const;
  const nlohmann::json& first() const;

  const nlohmann::json* node_;
  const std::vector<const nlohmann::json*>& tensors_;
  const Shapes& shapes_;
};

/// True for tf.keras 2's form of a constant in the first argument: ["_CONSTANT_VALUE", -1, value, {...}].
bool is_constant(const nlohmann::json& value);

/// The value in Keras 3's wrapping of tuples and arrays, or of tf.keras 2's constants.
const nlohmann::json& unwrapped(const nlohmann::json& value);

}  // namespace sepconv::keras
