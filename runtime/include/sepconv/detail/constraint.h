#pragma once
// Projects a weight after an optimizer's update. Source: Keras 3 `keras.constraints`.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sepconv/detail/keras_rules.h"
#include "sepconv/detail/tensor_view.h"

namespace sepconv {

/// Plain data. Only apply_constraints() applies it: not build(), set_weights() or loading.
struct Constraint {
  enum class Kind : std::uint8_t { none, max_norm, unit_norm, min_max_norm, non_neg, radial };

  Constraint() = default;
  Constraint(Kind kind_in) : kind(kind_in) { max_value = kind_in == Kind::max_norm ? 2 : 1; }
  /// By Keras' names: "max_norm", "MaxNorm", ..., and with tf.keras 2's rules its aliases.
  /// @throws std::invalid_argument "Could not interpret constraint identifier: ..."
  static Constraint from_name(std::string_view name, KerasRules rules = KerasRules::keras_3);

  bool given() const noexcept { return kind != Kind::none; }

  Kind kind = Kind::none;
  double min_value = 0, max_value = 1;  // min_max_norm; max_norm: 2 by default
  double rate = 1;                      // min_max_norm
  std::vector<int> axes = {0};          // axes of the norm; negative values count from the last
  bool axes_as_list = false;            // Keras was given a list, and saves one
};

/// "MaxNorm", "UnitNorm", "MinMaxNorm", "NonNeg", "RadialConstraint" (tf.keras 2).
std::string class_name(const Constraint& constraint);

/// The projected values, row-major.
/// @throws std::invalid_argument if the shape lacks an axis, or if radial cannot be applied: Keras requires square
/// windows of at least 2 and rank 4
std::vector<double> constrained(const Constraint& constraint, std::vector<double> values, const Shape& shape);

}  // namespace sepconv
